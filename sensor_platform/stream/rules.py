"""Alert rules and maintenance as in a site's `rules.yaml`, and the table of rule kinds."""

import functools
import operator
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from sensor_platform.kernel.clock import to_micros
from sensor_platform.kernel.durations import duration
from sensor_platform.stream.rule_kinds.condition import Condition
from sensor_platform.stream.rule_kinds.count import Count
from sensor_platform.stream.rule_kinds.no_data import NoData
from sensor_platform.stream.rule_kinds.rate import Rate
from sensor_platform.stream.rule_kinds.rule import LEVELS, OUTSIDE_OF, SCORE_OF, Flap, Level, LocalCommand, Rule
from sensor_platform.stream.rule_kinds.scores import Anomaly, Forecast
from sensor_platform.stream.rule_kinds.stuck import Stuck
from sensor_platform.stream.rule_kinds.threshold import Threshold

RULE_KINDS: tuple[type[Rule], ...] = (Threshold, Count, Rate, Stuck, NoData, Condition, Anomaly, Forecast)
"""Every kind of rule that `rules.yaml` may have. A new kind is a module in `rule_kinds` and an entry here."""

if TYPE_CHECKING:
    AnyRule = Rule
else:
    AnyRule = functools.reduce(operator.or_, RULE_KINDS)
"""The type to decode a rule of any kind with; its `kind` decides which."""

__all__ = [
    "LEVELS",
    "OUTSIDE_OF",
    "RULE_KINDS",
    "SCORE_OF",
    "Anomaly",
    "AnyRule",
    "Condition",
    "Count",
    "Flap",
    "Forecast",
    "Level",
    "LocalCommand",
    "Maintenance",
    "NoData",
    "Rate",
    "Rule",
    "Stuck",
    "Threshold",
]


class Maintenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A planned outage: alerts are recorded, and told when it is over if they stand. Times are ISO 8601, UTC."""

    devices: str = "*"
    """Glob of device ids."""
    start: str
    end: str
    every: str = ""
    """Interval of repetition, for instance `7d`; empty for once."""

    def __post_init__(self) -> None:
        """Check the times.

        Raises:
            ValueError: a text is not a time or a duration, or the end is not after the start.
        """
        start, end = datetime.fromisoformat(self.start), datetime.fromisoformat(self.end)
        if (start.tzinfo is None) != (end.tzinfo is None):
            raise ValueError("write start and end both with a time zone or both without: without one they are UTC")
        if start >= end:
            raise ValueError("start must be before end")
        if self.every and duration(self.every) < to_micros(end) - to_micros(start):
            raise ValueError("every is shorter than the time from start to end, so that it would never be over")

    def muted_until(self, device_id: str, at: int) -> int:
        """End of the outage in which a device is at a time, both in microseconds; 0 if it is in none."""
        if not fnmatchcase(device_id, self.devices):
            return 0
        start, end = (to_micros(datetime.fromisoformat(text)) for text in (self.start, self.end))
        shift = (at - start) // duration(self.every) * duration(self.every) if self.every and at >= start else 0
        return end + shift if start <= at - shift < end else 0
