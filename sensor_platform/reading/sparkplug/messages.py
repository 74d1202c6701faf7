"""Sparkplug B messages to long records, one per metric, with names and units from earlier births."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.message import DecodeError

from sensor_platform.reading.encodings.decoders import DecodedMessage, UndecodableError
from sensor_platform.reading.encodings.json_text import from_json
from sensor_platform.reading.memory import Memory, MetricBirth, NodeState
from sensor_platform.reading.reject_rules import rejected
from sensor_platform.reading.sparkplug.metric_fields import flat_metrics, quality_of, unit_of, value_of
from sensor_platform.reading.sparkplug.protobuf_schema import Payload

_KINDS = {"NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH"}
_COMMANDS = {"NCMD", "DCMD"}
_CONTROL = ("Node Control/", "Device Control/", "bdSeq")
_REPEATED = 32
"""A message whose number is at most this far behind is a repetition; so looks a loss of more than 223 in a row."""
ONLINE = "online"
"""Metric that births set to 1 and deaths to 0."""


@dataclass(frozen=True, slots=True)
class _Topic:
    kind: str
    group: str
    node: str
    device: str

    @property
    def node_key(self) -> str:
        return f"{self.group}/{self.node}"

    @property
    def device_id(self) -> str:
        return f"{self.node_key}/{self.device}" if self.device else self.node_key


def read_sparkplug(topic: str, payload: bytes, memory: Memory) -> DecodedMessage:
    """Read one message, and update the memory.

    Args:
        topic: `spBv1.0/<group>/<kind>/<node>[/<device>]`.
        payload: protobuf; JSON for STATE messages of hosts.
        memory: of births and sequence numbers.

    Raises:
        UndecodableError: topic or payload are not Sparkplug B.
    """
    levels = topic.split("/")
    if len(levels) == 3 and levels[1] == "STATE":
        return _state(levels[2], payload)
    if len(levels) not in {4, 5} or levels[2] not in _KINDS | _COMMANDS:
        raise UndecodableError("not a Sparkplug B topic: spBv1.0/<group>/<kind>/<node>[/<device>] is expected")
    place = _Topic(levels[2], levels[1], levels[3], levels[4] if len(levels) == 5 else "")
    message = DecodedMessage(device=place.device_id)
    content = _parse(payload)
    if place.kind in _COMMANDS:
        _add_commands(place, content, memory, message)
        return message
    before, session = memory.node(place.node_key) or NodeState(), _session(content)
    if place.kind == "NDEATH" and before.session is not None and session not in {None, before.session}:
        reason = f"the death of session {session}, but {place.node_key} was born in session {before.session} since"
        message.rejected.append(rejected("old_session", reason, place.device_id))
        return message
    _update_memory(place, content, memory, message)
    if place.kind == "NDEATH" or (place.kind == "NBIRTH" and session != before.session):
        for device in before.living:  # the death of a node, or of its session, is that of its devices
            _add_online(replace(place, device=device), content, message, is_online=False)
    if place.kind.endswith("DEATH"):
        _add_online(place, content, message, is_online=False)
        return message
    if place.kind.endswith("BIRTH"):
        _add_online(place, content, message, is_online=True)
    for number, metric in enumerate(flat_metrics(content.metrics, "")):
        _add_metric(place, content, number, metric, memory, message)
    return message


def _parse(payload: bytes) -> Any:  # noqa: ANN401 - a generated class
    try:
        return Payload.FromString(payload)
    except (DecodeError, ValueError, RecursionError) as error:
        raise UndecodableError(f"not a Sparkplug B payload: {str(error)[:200]}") from None


def _update_memory(place: _Topic, content: Any, memory: Memory, message: DecodedMessage) -> None:  # noqa: ANN401
    known = memory.node(place.node_key)
    seq = content.seq % 256 if content.HasField("seq") else None
    if place.kind == "NDEATH":
        if known is not None:
            memory.set_node(place.node_key, NodeState(None, known.births, known.session, ()))
        return
    if place.kind != "NBIRTH" and known is not None and known.seq is not None and seq is not None:
        expected = (known.seq + 1) % 256
        if (known.seq - seq) % 256 < _REPEATED:
            seq = known.seq
        elif seq != expected:
            message.gap = (expected, seq)
            memory.rebirths.add(place.node_key)
    session = _session(content) if place.kind == "NBIRTH" or known is None else known.session
    births = {} if known is None or place.kind == "NBIRTH" else known.births
    if place.kind.endswith("BIRTH"):
        births = {**births, place.device: dict(_births(content))}
    if place.kind.endswith("BIRTH") or known is not None:
        number = seq if seq is not None or known is None else known.seq
        memory.set_node(place.node_key, NodeState(number, births, session, _alive(place, known, session)))


def _alive(place: _Topic, known: NodeState | None, session: int | None) -> tuple[str, ...]:
    """The devices of a node that live after a message; a new session begins without any."""
    is_new = known is None or (place.kind == "NBIRTH" and session != known.session)
    alive = set() if is_new or known is None else set(known.living)
    if place.kind == "DBIRTH":
        alive.add(place.device)
    elif place.kind == "DDEATH":
        alive.discard(place.device)
    return tuple(sorted(alive))


def _session(content: Any) -> int | None:  # noqa: ANN401
    """The number of a session, which birth and death of a node have in common."""
    for metric in content.metrics:
        if metric.name == "bdSeq" and metric.WhichOneof("value") in {"int_value", "long_value"}:
            return int(getattr(metric, metric.WhichOneof("value")))
    return None


def _births(content: Any) -> Iterator[tuple[int, MetricBirth]]:  # noqa: ANN401
    for number, (name, metric) in enumerate(flat_metrics(content.metrics, ""), 1):
        if name:
            alias = metric.alias if metric.HasField("alias") else -number
            yield alias, MetricBirth(name, metric.datatype, unit_of(metric))


def _add_metric(
    place: _Topic,
    content: Any,  # noqa: ANN401
    number: int,
    named: tuple[str, Any],
    memory: Memory,
    message: DecodedMessage,
) -> None:
    name, metric = named
    birth = _birth_of(place, name, metric, memory)
    name = name or (birth.name if birth else "")
    datatype = metric.datatype or (birth.datatype if birth else 0)
    if not name or not (datatype or metric.is_null):
        memory.rebirths.add(place.node_key)
        what = f"metric {name!r}" if name else f"alias {metric.alias}"
        message.rejected.append(
            rejected("no_birth", f"{what} of {place.device_id} is not known: no birth of it was seen", place.device_id)
        )
        return
    if metric.is_null or name.startswith(_CONTROL):
        return
    record = _record(place, content, number, metric.timestamp or content.timestamp)
    record |= {"metric": name, "value": value_of(metric, datatype)}
    if unit := unit_of(metric) or (birth.unit if birth else None):
        record["unit"] = unit
    if quality := quality_of(metric):
        record["quality"] = quality
    message.records.append(record)


def _birth_of(place: _Topic, name: str, metric: Any, memory: Memory) -> MetricBirth | None:  # noqa: ANN401
    node = memory.node(place.node_key)
    births = node.births.get(place.device) if node else None
    if not births:
        return None
    if metric.HasField("alias"):
        return births.get(metric.alias)
    if metric.datatype:
        return None
    return next((birth for birth in births.values() if birth.name == name), None)


def _add_commands(place: _Topic, content: Any, memory: Memory, message: DecodedMessage) -> None:  # noqa: ANN401
    """Add commands to a node, including our own requests, below `command/`. They do not cause a request for births."""
    for name, metric in flat_metrics(content.metrics, ""):
        birth = _birth_of(place, name, metric, memory)
        if known := name or (birth.name if birth else ""):
            record = _record(place, content, 0, metric.timestamp or content.timestamp)
            value = value_of(metric, metric.datatype or (birth.datatype if birth else 0))
            message.records.append(record | {"metric": f"command/{known}", "value": value})


def _add_online(place: _Topic, content: Any, message: DecodedMessage, *, is_online: bool) -> None:  # noqa: ANN401
    record = _record(place, content, 0, content.timestamp)
    if not is_online:
        record.pop("timestamp", None)  # a last will was written when the node connected
    record.pop("seq", None)
    message.records.append(record | {"metric": ONLINE, "value": is_online})


def _record(place: _Topic, content: Any, number: int, at: int) -> dict[str, object]:  # noqa: ANN401
    record: dict[str, object] = {"device_id": place.device_id, "group": place.group, "node": place.node}
    if place.device:
        record["device"] = place.device
    if at:
        record["timestamp"] = at
    if content.HasField("seq"):
        record["seq"] = f"{content.seq}#{number}"
    return record


def _state(host: str, payload: bytes) -> DecodedMessage:
    """State of a host application: JSON, or plain ONLINE and OFFLINE in old versions."""
    message = DecodedMessage(device=host)
    text = payload.decode("utf-8", "replace").strip()
    content = {"online": text == "ONLINE"} if text in {"ONLINE", "OFFLINE"} else from_json(payload)
    if not isinstance(content, dict) or not isinstance(content.get("online"), bool):
        raise UndecodableError("not the state of a Sparkplug host")
    record: dict[str, object] = {"device_id": host, "metric": ONLINE, "value": content["online"]}
    if isinstance(content.get("timestamp"), int):
        record["timestamp"] = content["timestamp"]
    message.records.append(record)
    return message
