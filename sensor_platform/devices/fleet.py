"""Simulated devices that a YAML file describes: topics, payload layout, and the course of each metric."""

import heapq
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from sensor_platform.devices.pacing import ScheduledMessage
from sensor_platform.devices.replay_rows import topic_of
from sensor_platform.errors import WrongUse

_encode = msgspec.json.Encoder().encode


class Signal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One metric: a level, a slow oscillation around it, and noise."""

    mean: float
    swing: float = 0.0
    swing_seconds: float = 600.0
    noise: float = 0.0
    low: float | None = None
    high: float | None = None
    drift: float = 0.0
    """Change per hour."""
    digits: int = 3
    unit: str | None = None
    """Unit of the values, sent in long messages."""
    since_seconds: float = 0.0
    """The metric starts this long after the start of the simulation, as if a sensor were added."""


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names of the payload's fields; an empty name leaves the field out."""

    device: str = "device_id"
    time: str = "timestamp"
    sequence: str = "seq"
    metric: str = "metric"
    value: str = "value"
    unit: str = "unit"


class Fleet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Devices of one kind."""

    devices: int
    device: str = "sim-{n:05}"
    """Name of a device; `{n}` counts from 1."""
    every_seconds: float = 1.0
    """Time between two messages of one device; with layout `long` between two rounds of messages."""
    topic: str = "sensors/{device}"
    """Template with `{device}`, and `{metric}` for long messages."""
    layout: Literal["wide", "long"] = "wide"
    fields: Fields = Fields()
    time_format: Literal["epoch_s", "epoch_ms", "iso", "iso_naive"] = "iso"
    metrics: dict[str, Signal]
    also: dict[str, str | float | bool] = {}
    """Fields with the same value in every message."""

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            ValueError: a key is empty or zero.
        """
        if self.devices < 1 or self.every_seconds <= 0 or not self.metrics:
            raise ValueError("devices, every_seconds and metrics must not be empty or zero")
        self.device.format(n=1)


def read_fleets(path: Path) -> tuple[Fleet, ...]:
    """The fleets of a YAML file: a list.

    Raises:
        WrongUse: the file is not such a list.
    """
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), tuple[Fleet, ...])
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise WrongUse(f"{path}: {error}", "see examples/smart_factory/fleet.yaml for every key") from error


def fleet_messages(
    fleets: tuple[Fleet, ...], seconds: float, seed: int, first_seq: int, stamp: Callable[[float], datetime]
) -> Iterator[ScheduledMessage]:
    """Messages of all devices for `seconds`, in order of time; the devices of a fleet are spread over its period.

    `stamp` is the clock of the devices: it returns the time (aware UTC) of an offset. It is called when a message is
    taken from the iterator, so it can be the system clock if messages are taken when they are due.
    """
    chance = random.Random(seed)  # noqa: S311 - values, not secrets
    sent: Counter[str] = Counter()
    for offset, place, device in heapq.merge(*(_turns(fleet, place, seconds) for place, fleet in enumerate(fleets))):
        fleet = fleets[place]
        name = fleet.device.format(n=device + 1)
        for metric, body in _bodies(fleet, device, offset, stamp(offset), chance):
            body[fleet.fields.sequence] = first_seq + sent[name]
            sent[name] += 1
            yield _message(fleet, offset, name, metric, body)


def _turns(fleet: Fleet, place: int, seconds: float) -> Iterator[tuple[float, int, int]]:
    """Times at which devices of a fleet send: (offset, place of the fleet, device)."""
    for number in range(math.ceil(seconds / fleet.every_seconds)):
        for device in range(fleet.devices):
            offset = (number + device / fleet.devices) * fleet.every_seconds
            if offset < seconds:
                yield offset, place, device


def _bodies(
    fleet: Fleet, device: int, offset: float, at: datetime, chance: random.Random
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Metric (empty for wide) and payload of each message of one turn."""
    names = fleet.fields
    values = {
        metric: _value(signal, device, offset, chance)
        for metric, signal in fleet.metrics.items()
        if offset >= signal.since_seconds
    }
    head: dict[str, Any] = {names.time: _stamp(at, fleet.time_format), **fleet.also}
    if fleet.layout == "wide":
        yield "", head | values
        return
    for metric, value in values.items():
        yield metric, head | {names.metric: metric, names.value: value, names.unit: fleet.metrics[metric].unit}


def _message(fleet: Fleet, offset: float, device: str, metric: str, body: dict[str, Any]) -> ScheduledMessage:
    body = {fleet.fields.device: device} | body
    sent = {key: value for key, value in body.items() if key and value is not None}
    return ScheduledMessage(offset, topic_of(fleet.topic, {"metric": metric}, device), _encode(sent))


def _value(signal: Signal, device: int, offset: float, chance: random.Random) -> float:
    swing = signal.swing * math.sin(2 * math.pi * offset / signal.swing_seconds + device)
    value = signal.mean + swing + signal.drift * offset / 3600 + chance.gauss(0.0, signal.noise)
    value = value if signal.low is None else max(signal.low, value)
    value = value if signal.high is None else min(signal.high, value)
    return round(value, signal.digits)


def _stamp(at: datetime, form: str) -> float | int | str:
    if form == "epoch_s":
        return at.timestamp()
    if form == "epoch_ms":
        return round(at.timestamp() * 1000)
    return at.isoformat() if form == "iso" else at.replace(tzinfo=None).isoformat()
