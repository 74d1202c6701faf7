"""Proposes a contract from traffic: which encoding fits, and what its fields look like."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sensor_platform.kernel.clock import EPOCH, to_micros
from sensor_platform.reading.contract import Contract, Layout, ValueSource
from sensor_platform.reading.encodings import ENCODINGS, PayloadDecoder, UndecodableError, decoder_for
from sensor_platform.reading.names import fold
from sensor_platform.reading.recognise import is_senml
from sensor_platform.reading.times import time_reader, zone
from sensor_platform.reading.unfold import unfold

_DEVICES = re.compile(
    r"(^|\.)(device|sensor|generator|machine|node|meter|station|unit|asset|host)_?(id|name|no|number)?$"
)
_TIMES = re.compile(r"(^|\.)(.*_)?(ts|time|timestamp|datetime|date|at|t|epoch)$")
_IDS = re.compile(r"(^|\.)(seq|sequence|seq_?no|message_?id|msg_?id|counter)$")
_ID = re.compile(r"(^|\.)id$")
_FEW = 2
_RECENT = to_micros(EPOCH.replace(year=2000))


@dataclass(slots=True)
class _Field:
    count: int = 0
    numbers: int = 0
    texts: int = 0
    times: int = 0
    values: set[Any] = field(default_factory=set)

    def add(self, value: object) -> None:
        self.count += 1
        self.numbers += isinstance(value, int | float)
        self.texts += isinstance(value, str)
        at = time_reader("auto", zone("UTC"))(value) if isinstance(value, str | int | float) else None
        self.times += isinstance(at, int) and not isinstance(value, bool) and at > _RECENT
        if len(self.values) < 1000 and isinstance(value, str | int | float):
            self.values.add(value)


@dataclass(frozen=True, slots=True)
class Inferred:
    """A proposed contract, with the number of messages it is based on."""

    contract: Contract
    messages: int
    undecodable: int
    notes: tuple[str, ...]
    """Points that a person should check."""


def infer(name: str, topic: str, messages: Sequence[tuple[str, bytes]]) -> Inferred:
    """Propose a contract for some messages.

    Args:
        name: of the contract.
        topic: its filter.
        messages: topic and payload, at least one.
    """
    if all(found.startswith("spBv1.0/") for found, _ in messages):
        contract = Contract(name=name, topic=topic, encoding="sparkplug")
        return Inferred(contract, len(messages), 0, ("the topics are those of Sparkplug B",))
    encoding, contents = _encoding([payload for _, payload in messages])
    notes: list[str] = []
    if encoding == "plain":
        contract = _plain(name, topic, messages, notes)
    else:
        contract = _structured(name, topic, encoding, list(_records(contents)), messages, notes)
    return Inferred(contract, len(messages), len(messages) - len(contents), tuple(notes))


def _encoding(payloads: list[bytes]) -> tuple[str, list[object]]:
    """The first encoding that takes most payloads, and makes objects of them."""
    best: tuple[str, list[object]] = ("plain", [])
    for name, encoding in ENCODINGS.items():
        decoder = decoder_for(Contract(name="t", topic="#", encoding=name))
        if not isinstance(decoder, PayloadDecoder):
            continue
        contents: list[object] = []
        for payload in payloads:
            try:
                content = decoder.careful(payload)
            except UndecodableError:
                continue
            if isinstance(content, dict) or (isinstance(content, list) and content and isinstance(content[0], dict)):
                contents.append(content)
        if len(contents) > len(best[1]) and encoding.is_likely(contents):
            best = name, contents
        if len(best[1]) > 0.9 * len(payloads):
            break
    if best[1] and all(map(is_senml, best[1])):
        decoder = decoder_for(Contract(name="t", topic="#", encoding="senml"))
        assert isinstance(decoder, PayloadDecoder)
        return "senml", [decoder.careful(payload) for payload in payloads if _is_read(decoder, payload)]
    return best


def _is_read(decoder: PayloadDecoder, payload: bytes) -> bool:
    try:
        decoder.careful(payload)
    except UndecodableError:
        return False
    return True


def _records(contents: Iterable[object]) -> Iterable[dict[str, object]]:
    """Flat records; those of samples with the fields around them."""
    contract = Contract(name="t", topic="#")
    for content in contents:
        for element in content if isinstance(content, list) else [content]:
            if isinstance(element, dict):
                for _, record in unfold(contract, element).records:
                    yield record


def _structured(
    name: str,
    topic: str,
    encoding: str,
    records: list[dict[str, object]],
    messages: Sequence[tuple[str, bytes]],
    notes: list[str],
) -> Contract:
    fields: dict[str, _Field] = {}
    for record in records:
        for key, value in record.items():
            fields.setdefault(key, _Field()).add(value)
    changes: dict[str, Any] = {"name": name, "topic": topic, "encoding": encoding, "layout": _layout(fields)}
    changes |= {"series": "auto"} if encoding == "influx" else {}
    device = _pick(fields, _DEVICES, lambda found: found.count > 0.9 * len(records))
    if device is not None and len(fields[device].values) == len(records) > _FEW:
        notes.append(f"{device!r} is another one in every message: it may number messages, and not name devices")
    if device is None and (name_or_number := _pick(fields, _ID, lambda found: found.count > 0.9 * len(records))):
        device = name_or_number if _is_name(fields[name_or_number]) else None
        taken = "is" if device else "is not"
        notes.append(f"{name_or_number!r} {taken} taken for the device: an id may number messages or channels instead")
    if device is None:
        level, why = _device_level(messages)
        changes["device"] = {"topic_level": level}
        notes.append(why)
    else:
        changes["device"] = {"field": [device]}
    time = _pick(fields, _TIMES, lambda found: found.times > 0.9 * found.count)
    if time is None:
        notes.append("no field looks like a time: the receive time will be the event time")
    else:
        changes["time"] = {"field": [time], "required": fields[time].count == len(records)}
        if any(
            isinstance(value, str) and not re.search(r"(Z|[+-]\d\d:?\d\d)$", value) for value in fields[time].values
        ):
            notes.append(f"times in {time!r} name no zone: set time.timezone if it is not UTC")
    if (message_id := _pick(fields, _IDS, lambda found: found.count > 0.5 * len(records))) is not None:
        changes["message_id"] = {"field": [message_id]}
    roles = {device, time, message_id}
    tags = [key for key, found in fields.items() if key not in roles and _is_tag(found, len(records))]
    if changes["layout"] != "long":
        changes["tags"] = {
            key.rpartition(".")[2]: {"field": [key]} for key in tags if fold(key) not in {"unit", "quality"}
        }
    return msgspec.convert(changes, Contract)


def _layout(fields: dict[str, _Field]) -> Layout:
    folded = {fold(key) for key in fields}
    if "value" in folded and folded & {"metric", "metrictype", "parameter"}:
        return "long"
    return "auto" if any("." in key for key in fields) else "wide"


def _pick(fields: dict[str, _Field], pattern: "re.Pattern[str]", fits: Any) -> str | None:  # noqa: ANN401 - a predicate
    """The shortest field whose snake_case name matches and that fits."""
    found = [key for key, one in fields.items() if pattern.search(_snake(key)) and fits(one)]
    return min(found, key=lambda key: (key.count("."), len(key)), default=None)


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()


def _is_tag(found: _Field, records: int) -> bool:
    """Whether the field is a text that hardly ever changes: it describes, it does not measure."""
    return found.texts == found.count and found.count > 0.5 * records and len(found.values) <= max(1, records // 10)


def _is_name(found: _Field) -> bool:
    """Whether the field is a text that comes again."""
    return found.texts == found.count and len(found.values) <= max(1, found.count // 2)


def _plain(name: str, topic: str, messages: Sequence[tuple[str, bytes]], notes: list[str]) -> Contract:
    notes.append("plain values: the last level of the topic is taken for the metric, the one before it for the device")
    depth = min(found.count("/") + 1 for found, _ in messages)
    device = ValueSource(topic_level=-2) if depth > 1 else ValueSource(topic_level=-1)
    return Contract(name=name, topic=topic, encoding="plain", device=device, metric=ValueSource(topic_level=-1))


def _device_level(messages: Sequence[tuple[str, bytes]]) -> tuple[int, str]:
    """The level of the topic, from its end, that differs most."""
    seen: dict[int, Counter[str]] = {}
    for topic, _ in messages:
        for back, name in enumerate(reversed(topic.split("/")), 1):
            seen.setdefault(-back, Counter())[name] += 1
    level = max(seen, key=lambda place: (len(seen[place]), place))
    return level, f"no field names the device: level {level} of the topic is taken ({len(seen[level])} names seen)"
