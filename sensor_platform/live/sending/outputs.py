"""What of a step goes out: notifications, local commands, republished streams, predictions to be made.

Only from the step and what came of it, so that a step that is done again puts out the same messages with the same keys.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from sensor_platform.alert.compose import messages_for, notification_of
from sensor_platform.alert.config import AlertConfig
from sensor_platform.alert.store import Outgoing
from sensor_platform.kernel.durations import duration
from sensor_platform.live.config import LiveConfig, Republish
from sensor_platform.live.engine.emitted_windows import rows_of
from sensor_platform.live.engine.step import Done, Step
from sensor_platform.live.sending.triggers import Triggers
from sensor_platform.sinks.channels import topic_of
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.columns import BAD
from sensor_platform.stream.engine import Engine

_VERDICTS = ("good", "uncertain", "bad")
_AT_ONCE = 5_000
"""Republished messages per row of the outbox."""


class Published(msgspec.Struct, frozen=True, array_like=True):
    """One republished message."""

    topic: str
    key: str
    payload: bytes


@dataclass(slots=True)
class LiveOutput:
    """The outbox of one site."""

    engine: Callable[[], Engine]
    alerts: AlertConfig
    live: LiveConfig
    site: str
    link: Callable[[str], str]
    """Signed link by which an alert can be answered, or nothing."""
    triggers: Triggers = field(init=False)
    _periods: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.triggers = Triggers(self.live.triggers)

    def tags(self, event: Event) -> str:
        """Tags of the event's device, as JSON."""
        return msgspec.json.encode(self._tags(event)).decode()

    def messages(self, step: Step, seq: int, done: Done) -> list[Outgoing]:
        """For the outbox."""
        rules = {rule.name: rule for rule in self.alerts.rules}
        out: list[Outgoing] = []
        for event in done.events:
            rule = rules[event.rule]
            link = self.link(event.alert_id) if event.kind in {"fired", "escalated", "reminder"} else ""
            notification = notification_of(event, rule, self._tags(event), self.site, link)
            out += messages_for(event, notification, rule, self.alerts, step.now)
        for number, stream in enumerate(self.live.republish):
            if stream.what != "predictions":
                out += self._stream(number, stream, step, seq, done)
        return out + self.triggers.requests(step, done, self.engine().index)

    def _tags(self, event: Event) -> Mapping[str, str]:
        index = self.engine().index
        number = index.device_number(event.device_id)
        return {} if number is None else index.tags.get(number, {})

    def _stream(self, number: int, stream: Republish, step: Step, seq: int, done: Done) -> Iterable[Outgoing]:
        key = f"{seq}"
        if stream.what == "windows":
            messages = self._windows(stream, done)
        elif stream.what == "alarms":
            messages = [
                self._alarm(stream, event) for event in done.events if _is_wanted(stream, event.device_id, event.metric)
            ]
        elif stream.what == "readings":
            messages = self._readings(stream, done)
        else:
            period = step.now // duration(stream.every)
            before = self._periods.get(number)
            self._periods[number] = period
            if before is None or before == period:
                return
            key = f"period-{period}"
            at = period * duration(stream.every)
            messages = self._values(stream) if stream.what == "values" else [self._last_row(stream, at)]
        for start in range(0, len(messages), _AT_ONCE):
            body = msgspec.msgpack.encode(messages[start : start + _AT_ONCE])
            yield Outgoing(f"{key}-{start}", stream_channel(number, stream), body, step.now)

    def _windows(self, stream: Republish, done: Done) -> list[Published]:
        index = self.engine().index
        return [
            _published(stream, {"window": closed.spec.name, **row})
            for closed in done.closed
            if stream.window in {"", closed.spec.name}
            for row in rows_of(closed, index)
            if _is_wanted(stream, row["device_id"], row["metric"])
        ]

    def _alarm(self, stream: Republish, event: Event) -> Published:
        return _published(stream, {**msgspec.to_builtins(event), "tags": dict(self._tags(event))})

    def _readings(self, stream: Republish, done: Done) -> list[Published]:
        index = self.engine().index
        return [
            _published(
                stream,
                {
                    "device_id": index.device(series),
                    "metric": index.metric(series),
                    "event_at": at,
                    "received_at": received,
                    "value": value,
                    "verdict": _VERDICTS[verdict],
                },
            )
            for taken in done.taken
            for series, at, received, value, verdict in zip(
                taken.readings.series.tolist(),
                taken.readings.event_at.tolist(),
                taken.readings.received_at.tolist(),
                taken.readings.value.tolist(),
                taken.readings.verdict.tolist(),
                strict=True,
            )
            if verdict != BAD and _is_wanted(stream, index.device(series), index.metric(series))
        ]

    def _values(self, stream: Republish) -> list[Published]:
        return [
            _published(stream, {"device_id": device, "tags": tags, "at": at, "values": values})
            for device, tags, at, values in self._newest()
            if _is_wanted(stream, device, "")
        ]

    def _last_row(self, stream: Republish, at: int) -> Published:
        """One row: last value per device and metric, an alarm column, constant tags."""
        alarms: dict[str, list[str]] = {}
        for alarm in self.engine().rule_set.active():
            alarms.setdefault(alarm.device_id, []).append(alarm.rule)
        devices = {
            device: {**values, "at": newest, "alarm": ", ".join(sorted(alarms.get(device, ())))}
            for device, _, newest, values in self._newest()
        }
        return _published(stream, {"at": at, **stream.tags, "devices": devices})

    def _newest(self) -> Iterable[tuple[str, Mapping[str, str], int, dict[str, float]]]:
        index = self.engine().index
        size = len(index)
        by_device: dict[int, tuple[int, dict[str, float]]] = {}
        columns = [
            index.by_series[name][:size].tolist() for name in ("device", "metric", "event_at", "value", "verdict")
        ]
        for device, metric, at, value, verdict in zip(*columns, strict=True):
            if verdict != BAD and value == value:
                newest, values = by_device.setdefault(device, (at, {}))
                values[index.metrics[metric]] = value
                by_device[device] = (max(newest, at), values)
        for device, (at, values) in by_device.items():
            yield index.devices[device], index.tags.get(device, {}), at, values


def stream_channel(number: int, stream: Republish) -> str:
    """Name of the outbox's channel of a republished stream."""
    return f"(republish {number} {stream.what})"


def _is_wanted(stream: Republish, device: str, metric: str) -> bool:
    """Whether a stream is about a device and metric; alarms about a device as a whole have no metric."""
    return fnmatchcase(device, stream.devices) and (not metric or fnmatchcase(metric, stream.metric))


def _published(stream: Republish, row: Mapping[str, Any]) -> Published:
    words = {
        "device": str(row.get("device_id", "")),
        "metric": str(row.get("metric", "")),
        "window": str(row.get("window", "")),
        "rule": str(row.get("rule", "")),
    }
    return Published(topic_of(stream.mqtt or stream.kafka, words), words["device"], msgspec.json.encode(row))


def in_parts(body: bytes) -> Sequence[Published]:
    """The messages of one row of the outbox."""
    return msgspec.msgpack.decode(body, type=list[Published])
