"""Hours of devices as lives: a life begins with the first hour, or after a failure, and ends with the next failure.

Pure; hours are whole hours since the epoch. What a life knows of itself comes from its own past only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensor_platform.kernel.clock import HOUR
from sensor_platform.labels.label_store import Label
from sensor_platform.predict.supervised.config import TaskConfig

ALERT_SOURCE = "alert:"


@dataclass(frozen=True, slots=True)
class Event:
    """A label as hours: from the one that it begins in to the one that it ends in, both included."""

    device: str
    first: int
    last: int
    label: str


@dataclass(frozen=True, slots=True)
class Life:
    """Hours of one device, `first` up to `last`, both included."""

    device: str
    first: int
    last: int
    ends_at: int | None
    """Hour in which the failure begins; None for a life that goes on."""


def events(labels: Sequence[Label], config: TaskConfig) -> tuple[Event, ...]:
    """The labels that count for a task, by device and time; all but answers to alerts where the task names none."""
    counted = [
        label
        for label in labels
        if label.device_id
        and (label.label in config.labels if config.labels else not label.source.startswith(ALERT_SOURCE))
    ]
    found = {
        Event(label.device_id, label.start_at // HOUR, max(label.start_at, label.end_at) // HOUR, label.label)
        for label in counted
    }
    return tuple(sorted(found, key=lambda event: (event.device, event.first, event.last, event.label)))


def lives(spans: Mapping[str, tuple[int, int]], failures: Sequence[Event]) -> tuple[Life, ...]:
    """The lives of every device with hours.

    Args:
        spans: first and newest hour by device.
        failures: by device and time. Those that overlap are one; those before the device's first hour are none.
    """
    by_device: dict[str, list[Event]] = {}
    for event in failures:
        by_device.setdefault(event.device, []).append(event)
    return tuple(life for device in sorted(spans) for life in _of(device, *spans[device], by_device.get(device, [])))


def _of(device: str, first: int, last: int, failures: Sequence[Event]) -> list[Life]:
    found = []
    begins = first
    for event in failures:
        if event.first > begins:
            found.append(Life(device, begins, event.first - 1, event.first))
        begins = max(begins, event.last + 1)
    if begins <= last:
        found.append(Life(device, begins, last, None))
    return found
