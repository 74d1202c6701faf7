"""Rule kind `count`: more than a number of readings beyond a limit within a window of event time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sensor_platform.kernel.durations import duration
from sensor_platform.stream.alert_state import AlertState, Observation
from sensor_platform.stream.rule_kinds.rule import MetricRule, RuleObserver
from sensor_platform.stream.rule_kinds.threshold import limit_words

if TYPE_CHECKING:
    from sensor_platform.stream.columns import Readings
    from sensor_platform.stream.growable import GrowableColumns
    from sensor_platform.stream.observations import Observations, PreviousReadings
    from sensor_platform.stream.series import Ints, SeriesIndex

_MOST_WINDOWS = 4


class Count(MetricRule, frozen=True, kw_only=True, tag="count"):
    """More than `more_than` readings beyond a limit within a tumbling window, aligned to the epoch."""

    above: float | None = None
    below: float | None = None
    more_than: int
    window: str = "1m"

    def __post_init__(self) -> None:
        """Check that there is one limit and a window.

        Raises:
            ValueError: naming the rule or the key.
        """
        super(Count, self).__post_init__()  # noqa: UP008 - slots make a new class
        if (self.above is None) == (self.below is None):
            raise ValueError(f"rule {self.name!r} needs above or below")
        if duration(self.window) < 1_000_000:
            raise ValueError("window is at least 1s")

    def observer(self, index: "SeriesIndex") -> RuleObserver:
        """Counts readings beyond the limit."""
        from sensor_platform.stream.growable import GrowableColumns
        from sensor_platform.stream.rule_kinds.limit_observer import LimitObserver
        from sensor_platform.stream.series import NEVER

        del index
        above = {} if self.above is None else {self.level: self.above}
        below = {} if self.below is None else {self.level: self.below}
        until = GrowableColumns({"until": ("i8", NEVER)})
        return CountObserver(LimitObserver(above, below), self.more_than, duration(self.window), self.level, until)

    def limits(self) -> list[tuple[int, str, float]]:
        """The limit that readings are counted beyond."""
        sides = (("above", self.above), ("below", self.below))
        return [(self.level, side, limit) for side, limit in sides if limit is not None]

    def limit_text(self) -> str:
        """For instance `above 60.0 more than 2 times in 30s`."""
        sides = (("above", self.above), ("below", self.below))
        words = [limit_words(side, limit) for side, limit in sides if limit is not None]
        return " ".join([*words, f"more than {self.more_than} times in {self.window}"])


@dataclass(slots=True)
class CountObserver(RuleObserver):
    """Counts per series and window; remembers the newest windows of each series."""

    limits: RuleObserver
    """Finds the readings beyond the limit."""
    more_than: int
    window: int
    level: int
    until: "GrowableColumns"
    """By series: end of the newest window that had too many."""
    counts: dict[int, dict[int, int]] = field(default_factory=dict)
    """Series to window start to readings beyond the limit."""

    def observe(self, readings: "Readings", previous: "PreviousReadings") -> "Observations":
        """Every reading is an observation: whether the newest window that had too many still goes on."""
        import numpy as np

        from sensor_platform.stream.observations import Observations

        seen = self.limits.observe(readings, previous)
        self.until.grow(int(readings.series.max()) + 1)
        ends = self.until["until"][readings.series]
        beyond = np.flatnonzero(seen.raw)
        if len(beyond):
            ends = self._count(readings, beyond, ends)
        levels = np.where(readings.event_at < ends, self.level, 0).astype(np.uint8)
        return Observations(seen.key, seen.at, seen.received_at, seen.value, levels, levels)

    def due(self, now: int, alerts: Mapping[int, AlertState]) -> Iterable[tuple[int, Observation]]:
        """The window of an alert ends although its device sends nothing more."""
        for key, alert in list(alerts.items()):
            deadline = alert.received_at + 2 * self.window
            if alert.level and alert.clear_since is None and deadline <= now:
                yield key, Observation(alert.at, deadline, alert.value, 0, 0)

    def set_back(self, now: int) -> None:
        """Counts of windows later than `now` are forgotten, and none of them goes on."""
        self.until.bound(("until",), now)
        for windows in self.counts.values():
            for start in [start for start in windows if start > now]:
                del windows[start]

    def dump(self) -> dict[str, Any]:
        """Counts and ends of windows."""
        counts = [[series, list(windows.items())] for series, windows in self.counts.items()]
        return {"counts": counts, "until": self.until.dump()}

    def load(self, saved: dict[str, Any]) -> None:
        """Take over counts and ends of windows."""
        self.counts = {series: dict(windows) for series, windows in saved["counts"]}
        self.until.load(saved["until"])

    def _count(self, readings: "Readings", beyond: "Ints", ends: "Ints") -> "Ints":
        """Count, and give each row the end of the newest full window at that row."""
        import numpy as np

        ends = ends.copy()
        series, starts = readings.series, readings.event_at // self.window * self.window
        for row, key, start in zip(beyond.tolist(), series[beyond].tolist(), starts[beyond].tolist(), strict=True):
            windows = self.counts.setdefault(key, {})
            windows[start] = count = windows.get(start, 0) + 1
            if len(windows) > _MOST_WINDOWS:
                del windows[min(windows)]
            if count > self.more_than:
                ends[row] = max(int(ends[row]), start + self.window)
        for begin in np.unique(np.searchsorted(series, series[beyond])).tolist():
            end = int(np.searchsorted(series, series[begin], side="right"))
            ends[begin:end] = np.maximum.accumulate(ends[begin:end])
        self.until["until"][series] = ends
        return ends
