"""Labels as hours: run-to-failure cycles of devices, and spans of hours with known ground truth. Pure.

A cycle begins with the first hour of a device, or after a failure, and ends with the next failure. Hours are numbered
from the epoch. No value of a cycle depends on later hours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensor_platform.kernel.clock import HOUR
from sensor_platform.labels.label_store import Label
from sensor_platform.predict.supervised.config import TaskConfig

ALERT_SOURCE = "alert:"


@dataclass(frozen=True, slots=True)
class LabelEvent:
    """A label as a range of hours, both ends included."""

    device: str
    first: int
    last: int
    label: str


@dataclass(frozen=True, slots=True)
class Cycle:
    """A run-to-failure cycle: hours `first` to `last` of one device, both included."""

    device: str
    first: int
    last: int
    ends_at: int | None
    """Hour in which the failure begins; None while the cycle continues."""


def label_events(labels: Sequence[Label], config: TaskConfig) -> tuple[LabelEvent, ...]:
    """The labels that count for a task, by device and time.

    A task without `labels` counts all labels that did not come from alerts.
    """
    counted = [
        label
        for label in labels
        if label.device_id
        and (label.label in config.labels if config.labels else not label.source.startswith(ALERT_SOURCE))
    ]
    found = {
        LabelEvent(label.device_id, label.start_at // HOUR, max(label.start_at, label.end_at) // HOUR, label.label)
        for label in counted
    }
    return tuple(sorted(found, key=lambda event: (event.device, event.first, event.last, event.label)))


def cycles_of(spans: Mapping[str, tuple[int, int]], failures: Sequence[LabelEvent]) -> tuple[Cycle, ...]:
    """Run-to-failure cycles of all devices, by device and time.

    Args:
        spans: first and newest hour by device.
        failures: failures by device and time. Overlapping ones count as one; those before the first hour of the device
            are ignored.
    """
    by_device: dict[str, list[LabelEvent]] = {}
    for event in failures:
        by_device.setdefault(event.device, []).append(event)
    return tuple(cycle for device in sorted(spans) for cycle in _of(device, *spans[device], by_device.get(device, [])))


def _of(device: str, first: int, last: int, failures: Sequence[LabelEvent]) -> list[Cycle]:
    found = []
    begins = first
    for event in failures:
        if event.first > begins:
            found.append(Cycle(device, begins, event.first - 1, event.first))
        begins = max(begins, event.last + 1)
    if begins <= last:
        found.append(Cycle(device, begins, last, None))
    return found


@dataclass(frozen=True, slots=True)
class Span:
    """Hours of one device with the same ground truth, both ends included."""

    device: str
    first: int
    last: int
    truth: float
    """1 or 0 for a failure, number of the class, or the hour of the failure that ends the cycle."""
    is_rare: bool = False
    """Whether the hours are kept when common ones are thinned."""


def labelled_spans(
    config: TaskConfig, found: Sequence[LabelEvent], known_cycles: Sequence[Cycle], first: int, known_to: int
) -> tuple[Span, ...]:
    """Spans with known ground truth in hours `first` to `known_to`, both included.

    An hour whose outcome is not known yet is not part of a span: a failure may still come within the horizon.

    Args:
        config: the task.
        found: labels that count, by device and time.
        known_cycles: cycles of the devices; not used for classes.
        first: oldest hour.
        known_to: newest hour up to which labels are complete.
    """
    if config.kind == "classes":
        names = class_names(config, found)
        made = [Span(event.device, event.first, event.last, float(names.index(event.label))) for event in found]
    elif config.kind == "remaining_life":
        made = [
            Span(cycle.device, cycle.first, cycle.last, float(cycle.ends_at)) for cycle in known_cycles if cycle.ends_at
        ]
    else:
        made = [span for cycle in known_cycles for span in _failure(cycle, config.horizon_hours, known_to)]
    inside = (_within(span, first, known_to) for span in made)
    return tuple(span for span in inside if span.first <= span.last)


def class_names(config: TaskConfig, found: Sequence[LabelEvent]) -> tuple[str, ...]:
    """The classes in the order of the configuration, or by name."""
    return config.labels or tuple(sorted({event.label for event in found}))


def _failure(cycle: Cycle, horizon: int, known_to: int) -> list[Span]:
    if cycle.ends_at is None:
        return [Span(cycle.device, cycle.first, min(cycle.last, known_to - horizon), 0.0)]
    near = max(cycle.first, cycle.ends_at - horizon)
    return [
        Span(cycle.device, cycle.first, near - 1, 0.0),
        Span(cycle.device, near, cycle.ends_at - 1, 1.0, is_rare=True),
    ]


def _within(span: Span, first: int, last: int) -> Span:
    return Span(span.device, max(span.first, first), min(span.last, last), span.truth, span.is_rare)
