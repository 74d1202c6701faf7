"""What each kind of rule sees in a batch: observations as columns, in order of key and, within a key, of arrival."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sensor_platform.kernel.durations import duration
from sensor_platform.stream.columns import Floats, Readings
from sensor_platform.stream.equal_runs import carried
from sensor_platform.stream.expression import Expression, parse
from sensor_platform.stream.growable import GrowableColumns
from sensor_platform.stream.rules import (
    Anomaly,
    Condition,
    Count,
    Forecast,
    Rate,
    Stuck,
    Threshold,
    by_level,
    ranges_by_level,
)
from sensor_platform.stream.series import NEVER, Ints, SeriesIndex

Levels = npt.NDArray[np.uint8]


@dataclass(slots=True)
class Seen:
    """Observations of one rule, one element each."""

    key: Ints
    """Series, or device for rules about devices."""
    at: Ints
    received_at: Ints
    value: Floats
    raw: Levels
    hold: Levels


@dataclass(slots=True)
class Before:
    """What stood before each reading in its series: the last usable value and its time (NaN and NEVER for none)."""

    value: Floats
    at: Ints


@dataclass(slots=True)
class LimitRule:
    """Threshold, anomaly and forecast: a value against limits."""

    above: dict[int, float]
    below: dict[int, float]
    outside: dict[int, tuple[float, float]]
    margin: float

    def see(self, readings: Readings, before: Before) -> Seen:
        """Every reading is an observation."""
        del before
        value = readings.value
        return Seen(
            readings.series,
            readings.event_at,
            readings.received_at,
            value,
            self._levels(value, 0.0),
            self._levels(value, self.margin),
        )

    def _levels(self, value: Floats, margin: float) -> Levels:
        levels = np.zeros(len(value), np.uint8)
        for level in (1, 2):
            is_over = np.zeros(len(value), np.bool_)
            if level in self.above:
                is_over |= value > self.above[level] - margin
            if level in self.below:
                is_over |= value < self.below[level] + margin
            if level in self.outside:
                low, high = self.outside[level]
                is_over |= (value < low + margin) | (value > high - margin)
            levels[is_over] = level
        return levels


@dataclass(slots=True)
class RateRule:
    """Change from one reading to the next."""

    limits: LimitRule
    per: int
    sign: int
    """1 for rises, -1 for falls, 0 for both."""

    def see(self, readings: Readings, before: Before) -> Seen:
        """Every reading that has one before it is an observation."""
        has = (before.at > NEVER) & (readings.event_at > before.at)
        some = readings.pick(has)
        pause = (some.event_at - before.at[has]) / self.per
        change = (some.value - before.value[has]) / pause
        some.value = change * self.sign if self.sign else np.abs(change)
        return self.limits.see(some, before)


@dataclass(slots=True)
class StuckRule:
    """Values that do not change."""

    unchanged_for: int
    tolerance: float
    level: int
    since: GrowableColumns = field(default_factory=lambda: GrowableColumns({"since": ("i8", NEVER)}))

    def see(self, readings: Readings, before: Before) -> Seen:
        """Every reading is an observation of how long its value has stood."""
        series = readings.series
        self.since.grow(int(series.max()) + 1)
        with np.errstate(invalid="ignore"):
            is_same = np.abs(readings.value - before.value) <= self.tolerance
        start = carried(series, ~is_same)
        stored = self.since["since"][series]
        stored = np.where(stored == NEVER, before.at, stored)
        since = np.where(start >= 0, readings.event_at[np.maximum(start, 0)], stored)
        self.since["since"][series] = since  # of a series' rows the last assignment stays
        has = (before.at > NEVER) | (start >= 0)
        levels = np.where(has & (readings.event_at - since >= self.unchanged_for), self.level, 0).astype(np.uint8)
        return Seen(series, readings.event_at, readings.received_at, readings.value, levels, levels)


@dataclass(slots=True)
class CountRule:
    """More than so many beyond a limit within a window. Remembers the newest windows of each series."""

    limits: LimitRule
    more_than: int
    window: int
    level: int
    counts: dict[int, dict[int, int]] = field(default_factory=dict)
    """Series to window start to readings beyond the limit."""
    until: GrowableColumns = field(default_factory=lambda: GrowableColumns({"until": ("i8", NEVER)}))
    """End of the newest window that had too many."""

    def see(self, readings: Readings, before: Before) -> Seen:
        """Every reading says whether the newest window that had too many is still going on."""
        seen = self.limits.see(readings, before)
        self.until.grow(int(readings.series.max()) + 1)
        ends = self.until["until"][readings.series]
        beyond = np.flatnonzero(seen.raw)
        if len(beyond):
            ends = self._count(readings, beyond, ends)
        levels = np.where(readings.event_at < ends, self.level, 0).astype(np.uint8)
        return Seen(seen.key, seen.at, seen.received_at, seen.value, levels, levels)

    def _count(self, readings: Readings, beyond: Ints, ends: Ints) -> Ints:
        """Count, and give each row the end of the newest full window as of then."""
        ends = ends.copy()
        series, starts = readings.series, readings.event_at // self.window * self.window
        for row, key, start in zip(beyond.tolist(), series[beyond].tolist(), starts[beyond].tolist(), strict=True):
            windows = self.counts.setdefault(key, {})
            windows[start] = count = windows.get(start, 0) + 1
            if len(windows) > 4:
                del windows[min(windows)]
            if count > self.more_than:
                ends[row] = max(int(ends[row]), start + self.window)
        for begin in np.unique(np.searchsorted(series, series[beyond])).tolist():
            end = int(np.searchsorted(series, series[begin], side="right"))
            ends[begin:end] = np.maximum.accumulate(ends[begin:end])
        self.until["until"][series] = ends
        return ends


@dataclass(slots=True)
class ConditionRule:
    """An expression over the newest values of a device. Sees each message as a whole."""

    index: SeriesIndex
    expression: Expression
    max_age: int
    level: int
    last: dict[str, GrowableColumns] = field(init=False)

    def __post_init__(self) -> None:
        self.last = {
            name: GrowableColumns({"value": ("f8", np.nan), "at": ("i8", NEVER)}) for name in self.expression.metrics
        }

    def see(self, readings: Readings, before: Before) -> Seen:
        """One observation per device and message that brought one of the metrics."""
        del before
        device = self.index.by_series["device"][readings.series]
        order = np.lexsort((readings.message, device))
        readings, device = readings.pick(order), device[order]
        metric = self.index.by_series["metric"][readings.series]
        is_new = np.concatenate([[True], (device[1:] != device[:-1]) | (readings.message[1:] != readings.message[:-1])])
        first = np.flatnonzero(is_new)
        event = np.cumsum(is_new) - 1
        at = np.maximum.reduceat(readings.event_at, first)
        values = {
            name: self._newest(name, device[first], event[rows], readings.value[rows], at)
            for name in self.expression.metrics
            for rows in [np.flatnonzero(metric == self.index.metric_number(name))]
        }
        is_true = np.broadcast_to(self.expression.evaluate(values), len(first))
        levels = np.where(is_true, self.level, 0).astype(np.uint8)
        shown = next(iter(values.values()))
        return Seen(device[first], at, readings.received_at[first], shown, levels, levels)

    def _newest(self, name: str, device: Ints, event: Ints, value: Floats, at: Ints) -> Floats:
        """The metric's value as of each event: of this message, of an earlier one, or from before the batch."""
        last = self.last[name]
        last.grow(len(self.index.devices))
        column = np.full(len(device), np.nan)
        column[event] = value
        source = carried(device, ~np.isnan(column))
        found = np.maximum(source, 0)
        newest = np.where(source >= 0, column[found], last["value"][device])
        newest_at = np.where(source >= 0, at[found], last["at"][device])
        last["value"][device] = newest
        last["at"][device] = newest_at
        return np.where(newest_at >= at - self.max_age, newest, np.nan)


Kind = LimitRule | RateRule | StuckRule | CountRule | ConditionRule


def kind_of(rule: Any, index: SeriesIndex) -> Kind | None:  # noqa: ANN401 - the union of rules, matched here
    """How a rule sees readings; None for those that see their absence."""
    level = 2 if rule.severity == "critical" else 1
    if isinstance(rule, Threshold):
        return LimitRule(
            by_level(rule.above, rule.severity),
            by_level(rule.below, rule.severity),
            ranges_by_level(rule.outside, rule.severity),
            rule.clear_margin,
        )
    if isinstance(rule, Anomaly | Rate):
        limits = LimitRule(by_level(rule.above, rule.severity), {}, {}, rule.clear_margin)
        if isinstance(rule, Anomaly):
            return limits
        return RateRule(limits, duration(rule.per), {"any": 0, "rise": 1, "fall": -1}[rule.direction])
    if isinstance(rule, Forecast):
        return LimitRule({level: rule.margin}, {}, {}, 0.0)
    if isinstance(rule, Stuck):
        return StuckRule(duration(rule.unchanged_for), rule.tolerance, level)
    if isinstance(rule, Count):
        above = {} if rule.above is None else {level: rule.above}
        below = {} if rule.below is None else {level: rule.below}
        return CountRule(LimitRule(above, below, {}, 0.0), rule.more_than, duration(rule.window), level)
    if isinstance(rule, Condition):
        return ConditionRule(index, parse(rule.when), duration(rule.max_age), level)
    return None
