"""Rule kind `stuck`: readings keep arriving, but their value does not change."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sensor_platform.kernel.durations import duration
from sensor_platform.stream.rule_kinds.rule import MetricRule, RuleObserver

if TYPE_CHECKING:
    from sensor_platform.stream.columns import Readings
    from sensor_platform.stream.growable import GrowableColumns
    from sensor_platform.stream.observations import Observations, PreviousReadings
    from sensor_platform.stream.series import SeriesIndex


class Stuck(MetricRule, frozen=True, kw_only=True, tag="stuck"):
    """Readings keep arriving and do not change."""

    unchanged_for: str = "10m"
    tolerance: float = 0.0
    """A difference up to this counts as no change."""

    def observer(self, index: "SeriesIndex") -> RuleObserver:
        """Measures how long the value of each series is the same."""
        from sensor_platform.stream.growable import GrowableColumns
        from sensor_platform.stream.series import NEVER

        del index
        since = GrowableColumns({"since": ("i8", NEVER)})
        return StuckObserver(duration(self.unchanged_for), self.tolerance, self.level, since)

    def limit_text(self) -> str:
        """For instance `unchanged for 10m`."""
        return f"unchanged for {self.unchanged_for}"


@dataclass(slots=True)
class StuckObserver(RuleObserver):
    """Remembers since when the value of each series is the same."""

    unchanged_for: int
    tolerance: float
    level: int
    since: "GrowableColumns"

    def observe(self, readings: "Readings", previous: "PreviousReadings") -> "Observations":
        """Every reading is an observation of how long its value has been the same."""
        import numpy as np

        from sensor_platform.stream.equal_runs import newest_known_row
        from sensor_platform.stream.observations import Observations
        from sensor_platform.stream.series import NEVER

        series = readings.series
        self.since.grow(int(series.max()) + 1)
        with np.errstate(invalid="ignore"):
            is_same = np.abs(readings.value - previous.value) <= self.tolerance
        start = newest_known_row(series, ~is_same)
        stored = self.since["since"][series]
        stored = np.where(stored == NEVER, previous.at, stored)
        since = np.where(start >= 0, readings.event_at[np.maximum(start, 0)], stored)
        self.since["since"][series] = since  # the last row of each series remains
        is_known = (previous.at > NEVER) | (start >= 0)
        is_stuck = is_known & (readings.event_at - since >= self.unchanged_for)
        levels = np.where(is_stuck, self.level, 0).astype(np.uint8)
        return Observations(series, readings.event_at, readings.received_at, readings.value, levels, levels)

    def set_back(self, now: int) -> None:
        """No value is the same since a time later than `now`."""
        self.since.bound(("since",), now)

    def dump(self) -> dict[str, Any]:
        """Since when each value is the same."""
        return {"since": self.since.dump()}

    def load(self, saved: dict[str, Any]) -> None:
        """Take over since when each value is the same."""
        self.since.load(saved["since"])
