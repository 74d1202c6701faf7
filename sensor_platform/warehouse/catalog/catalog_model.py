"""Rows of the catalog. Times are plain UTC, as in files and SQL."""

from dataclasses import dataclass
from datetime import datetime

DEFAULT_KIND = "gauge"
"""Kind of a metric that the catalog names no kind for."""
COMPARE_WITHIN_S = 600.0
"""Default of `Metric.compare_within_s`, seconds."""


@dataclass(frozen=True, slots=True)
class Device:
    """One row of devices.csv."""

    device_id: str
    site: str | None = None
    area: str | None = None
    type: str | None = None
    cadence_s: float | None = None
    """Expected seconds between two readings of one metric; None to learn it from the data."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of metrics.csv. Limits are inclusive: a value that equals one is within it."""

    metric: str
    unit: str | None = None
    kind: str = DEFAULT_KIND
    """One of `metric_kinds`: which columns the tiers have for it."""
    min: float | None = None
    max: float | None = None
    max_change_per_s: float | None = None
    """A reading that differs by more than this per second from the one before is bad (`changes_too_fast`)."""
    compare_within_s: float = COMPARE_WITHIN_S
    """Greatest age of the reading before for `max_change_per_s`, seconds."""
    stuck_after_s: float | None = None
    """A reading whose value has not moved for this long is bad (`stuck`)."""
    warn_low: float | None = None
    warn_high: float | None = None
    alarm_low: float | None = None
    alarm_high: float | None = None

    def lookback_s(self, slot_s: float) -> float:
        """Seconds before a reading that its verdict depends on. The rule `stuck` looks one slot further back."""
        change = self.compare_within_s if self.max_change_per_s is not None else 0.0
        stuck = self.stuck_after_s + slot_s if self.stuck_after_s is not None else 0.0
        return max(change, stuck)

    @property
    def judging(self) -> tuple[object, ...]:
        """The values that the tables of readings depend on; warn and alarm limits are only shown."""
        limits = (self.min, self.max, self.max_change_per_s, self.compare_within_s, self.stuck_after_s)
        return (self.unit, self.kind, *limits)


@dataclass(frozen=True, slots=True)
class CalibrationPeriod:
    """One row of calibration.csv: value * gain + offset for event times in [valid_from, valid_to)."""

    device_id: str
    metric: str
    gain: float = 1.0
    offset: float = 0.0
    valid_from: datetime | None = None
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """Settings of the site that published views use."""

    slot_minutes: int
    allowed_lateness_hours: float
    fill_minutes: float
    """Longest gap that the filled views of readings_1m close, minutes."""
    fill_hours: float
    """Longest gap that the filled views of readings_1h close, hours."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """All rows of the catalog files of a site."""

    devices: tuple[Device, ...] = ()
    metrics: tuple[Metric, ...] = ()
    calibration: tuple[CalibrationPeriod, ...] = ()

    def lookback_slots(self, slot_minutes: int) -> int:
        """Slots before a window that its verdicts depend on, without the one for repeats; 0 without such rules."""
        slot_s = slot_minutes * 60.0
        longest = max((metric.lookback_s(slot_s) for metric in self.metrics), default=0.0)
        return int(-(-longest // slot_s))
