"""Which hours are learnt from, and what is to be said of them. Pure.

An hour whose answer is not known yet is no example: a failure may still come within the horizon, a label may be late.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.cycles import Event, Life


@dataclass(frozen=True, slots=True)
class Span:
    """Hours of one device with one answer, both ends included."""

    device: str
    first: int
    last: int
    answer: float
    """1 or 0 for a failure, number of the class, or the hour of the failure that ends the life."""
    is_rare: bool = False
    """Never thinned."""


def spans(
    config: TaskConfig, found: Sequence[Event], known_lives: Sequence[Life], first: int, known_to: int
) -> tuple[Span, ...]:
    """Spans of examples in hours `first` to `known_to`, both included.

    Args:
        config: the task.
        found: labels that count, by device and time.
        known_lives: of the devices; unused for classes.
        first: oldest hour.
        known_to: newest hour up to which labels are complete.
    """
    if config.kind == "classes":
        names = class_names(config, found)
        made = [Span(event.device, event.first, event.last, float(names.index(event.label))) for event in found]
    elif config.kind == "remaining_life":
        made = [Span(life.device, life.first, life.last, float(life.ends_at)) for life in known_lives if life.ends_at]
    else:
        made = [span for life in known_lives for span in _failure(life, config.horizon_hours, known_to)]
    inside = (_within(span, first, known_to) for span in made)
    return tuple(span for span in inside if span.first <= span.last)


def class_names(config: TaskConfig, found: Sequence[Event]) -> tuple[str, ...]:
    """The classes, in the order of the configuration, or by name."""
    return config.labels or tuple(sorted({event.label for event in found}))


def _failure(life: Life, horizon: int, known_to: int) -> list[Span]:
    if life.ends_at is None:
        return [Span(life.device, life.first, min(life.last, known_to - horizon), 0.0)]
    near = max(life.first, life.ends_at - horizon)
    return [
        Span(life.device, life.first, near - 1, 0.0),
        Span(life.device, near, life.ends_at - 1, 1.0, is_rare=True),
    ]


def _within(span: Span, first: int, last: int) -> Span:
    return Span(span.device, max(span.first, first), min(span.last, last), span.answer, span.is_rare)


def counts(found: Sequence[Span]) -> Mapping[float, int]:
    """Hours by answer."""
    total: dict[float, int] = {}
    for span in found:
        total[span.answer] = total.get(span.answer, 0) + span.last - span.first + 1
    return total
