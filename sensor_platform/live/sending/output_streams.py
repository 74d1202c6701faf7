"""Output streams (`live.republish`): windows, alarms, readings and newest values, published for other systems.

One function per kind of content makes its rows; a row becomes a message with the topic of its stream.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from sensor_platform.alert import store
from sensor_platform.alert.store import Outgoing
from sensor_platform.kernel.durations import duration
from sensor_platform.live.config import OutputStream
from sensor_platform.live.engine.emitted_windows import rows_of
from sensor_platform.live.engine.step import Step, StepResult
from sensor_platform.live.sending.destinations import stream_channel
from sensor_platform.sinks.sink_messages import StreamMessage, encode_stream, fill_topic
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.columns import BAD
from sensor_platform.stream.engine import Engine

_VERDICTS = ("good", "uncertain", "bad")
_AT_ONCE = 5_000
"""Messages per row of the outbox."""
Row = Mapping[str, Any]


@dataclass(slots=True)
class OutputStreams:
    """Makes the messages of all output streams, but for predictions. Belongs to the engine's thread."""

    streams: Sequence[OutputStream]
    _periods: dict[int, int] = field(default_factory=dict)
    """Newest period of each periodic stream, by its number."""

    def messages(self, engine: Engine, step: Step, seq: int, result: StepResult) -> Iterator[Outgoing]:
        """Messages for the outbox."""
        for number, stream in enumerate(self.streams):
            if stream.what in _EACH_STEP:
                yield from _outgoing(
                    number, stream, _EACH_STEP[stream.what](stream, engine, result), f"{seq}", step.now
                )
            elif stream.what in _PERIODIC:
                every = duration(stream.every)
                period = step.now // every
                before = self._periods.get(number)
                self._periods[number] = period
                if before is not None and before != period:
                    rows = _PERIODIC[stream.what](stream, engine, period * every)
                    yield from _outgoing(number, stream, rows, f"period-{period}", step.now)


@dataclass(frozen=True, slots=True)
class PredictionStreams:
    """Passes predictions to the page and to the output streams that want them, through the outbox."""

    path: Path
    """File of the live store."""
    streams: Sequence[OutputStream]
    clock: Callable[[], int]
    """Microseconds since the epoch."""
    newest: "deque[dict[str, Any]]" = field(default_factory=lambda: deque(maxlen=200))

    def publish(self, row: dict[str, Any]) -> None:
        """Take a prediction. May be called by any thread."""
        self.newest.append(row)
        wanted = [(n, stream) for n, stream in enumerate(self.streams) if stream.what == "predictions"]
        if not wanted:
            return
        with closing(store.connect(self.path)) as connection:
            for number, stream in wanted:
                topic = (stream.mqtt or stream.kafka).replace("{device}", row["group"])
                body = encode_stream([StreamMessage(topic, row["group"], msgspec.json.encode(row))])
                key = f"{row['id']}-{row['group']}"
                store.store_outgoing(connection, [Outgoing(key, stream_channel(number, stream), body, self.clock())])


def tags_of(engine: Engine, event: Event) -> Mapping[str, str]:
    """Tags of the event's device."""
    number = engine.index.device_number(event.device_id)
    return {} if number is None else engine.index.tags.get(number, {})


def _outgoing(number: int, stream: OutputStream, rows: Iterable[Row], key: str, now: int) -> Iterator[Outgoing]:
    messages = [_message(stream, row) for row in rows]
    for start in range(0, len(messages), _AT_ONCE):
        body = encode_stream(messages[start : start + _AT_ONCE])
        yield Outgoing(f"{key}-{start}", stream_channel(number, stream), body, now)


def _is_wanted(stream: OutputStream, device: str, metric: str) -> bool:
    """Whether a stream is about a device and a metric; an alarm about a whole device has no metric."""
    return fnmatchcase(device, stream.devices) and (not metric or fnmatchcase(metric, stream.metric))


def _message(stream: OutputStream, row: Row) -> StreamMessage:
    words = {
        "device": str(row.get("device_id", "")),
        "metric": str(row.get("metric", "")),
        "window": str(row.get("window", "")),
        "rule": str(row.get("rule", "")),
    }
    return StreamMessage(fill_topic(stream.mqtt or stream.kafka, words), words["device"], msgspec.json.encode(row))


def _windows(stream: OutputStream, engine: Engine, result: StepResult) -> Iterator[Row]:
    for closed in result.closed:
        if stream.window in {"", closed.spec.name}:
            for row in rows_of(closed, engine.index):
                if _is_wanted(stream, row["device_id"], row["metric"]):
                    yield {"window": closed.spec.name, **row}


def _alarms(stream: OutputStream, engine: Engine, result: StepResult) -> Iterator[Row]:
    for event in result.events:
        if _is_wanted(stream, event.device_id, event.metric):
            yield {**msgspec.to_builtins(event), "tags": dict(tags_of(engine, event))}


def _readings(stream: OutputStream, engine: Engine, result: StepResult) -> Iterator[Row]:
    for taken in result.taken:
        readings = taken.readings
        columns = (readings.series, readings.event_at, readings.received_at, readings.value, readings.verdict)
        for series, at, received, value, verdict in zip(*(column.tolist() for column in columns), strict=True):
            device, metric = engine.index.device(series), engine.index.metric(series)
            if verdict != BAD and _is_wanted(stream, device, metric):
                yield {
                    "device_id": device,
                    "metric": metric,
                    "event_at": at,
                    "received_at": received,
                    "value": value,
                    "verdict": _VERDICTS[verdict],
                }


def _values(stream: OutputStream, engine: Engine, _at: int) -> Iterator[Row]:
    """Yield one row per device, with its newest values."""
    for device, tags, at, values in _newest(engine):
        if _is_wanted(stream, device, ""):
            yield {"device_id": device, "tags": tags, "at": at, "values": values}


def _last_row(stream: OutputStream, engine: Engine, at: int) -> Iterator[Row]:
    """Yield one row of all devices: newest values, the rules of the device's alarms, constant columns."""
    alarms: dict[str, list[str]] = {}
    for alarm in engine.rule_set.active():
        alarms.setdefault(alarm.device_id, []).append(alarm.rule)
    devices = {
        device: {**values, "at": newest, "alarm": ", ".join(sorted(alarms.get(device, ())))}
        for device, _, newest, values in _newest(engine)
    }
    yield {"at": at, **stream.tags, "devices": devices}


def _newest(engine: Engine) -> Iterator[tuple[str, Mapping[str, str], int, dict[str, float]]]:
    """Yield each device with its tags, the newest event time, and the newest value of each metric."""
    index = engine.index
    size = len(index)
    by_device: dict[int, tuple[int, dict[str, float]]] = {}
    columns = [index.by_series[name][:size].tolist() for name in ("device", "metric", "event_at", "value", "verdict")]
    for device, metric, at, value, verdict in zip(*columns, strict=True):
        if verdict != BAD and value == value:
            newest, values = by_device.setdefault(device, (at, {}))
            values[index.metrics[metric]] = value
            by_device[device] = (max(newest, at), values)
    for device, (at, values) in by_device.items():
        yield index.devices[device], index.tags.get(device, {}), at, values


_EACH_STEP = {"windows": _windows, "alarms": _alarms, "readings": _readings}
_PERIODIC = {"values": _values, "last_row": _last_row}
