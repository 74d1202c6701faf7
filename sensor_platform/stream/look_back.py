"""Verdicts that compare a reading with earlier ones: it changed too fast, or its value is stuck.

The rules are those of the table `readings_clean`, in order of event time and, within an instant, of value. Only
readings that are usable on their own take part. A reading that arrives after a newer one of its series is not compared,
nor is the newer one compared again: the tables are more precise there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sensor_platform.stream.columns import BAD, Bools, Readings
from sensor_platform.stream.equal_runs import run_starts
from sensor_platform.stream.growable import GrowableColumns
from sensor_platform.stream.series import NEVER, Ints, SeriesIndex


@dataclass(frozen=True, slots=True)
class LookBackLimits:
    """Limits of the catalog for one metric; times in microseconds."""

    max_change_per_s: float | None = None
    compare_within: int = 600_000_000
    stuck_after: int | None = None


@dataclass(slots=True)
class LookBack:
    """Compares readings. Remembers the newest usable reading of each series, and since when its value is the same."""

    rules: Mapping[str, LookBackLimits]
    """Limits by metric."""
    index: SeriesIndex
    slot: int
    """Microseconds by which an equal reading may be older than `stuck_after`."""
    last: GrowableColumns = field(
        default_factory=lambda: GrowableColumns({"at": ("i8", NEVER), "value": ("f8", np.nan)})
    )
    limits: GrowableColumns = field(
        default_factory=lambda: GrowableColumns(
            {"change": ("f8", np.inf), "within": ("i8", 0), "is_compared": ("?", False)}
        )
    )
    standing: dict[int, list[Any]] = field(default_factory=dict)
    """For series that have a `stuck_after`: value, since when, and slot to its first and last time with the value."""
    _known: int = 0

    def validate(self, readings: Readings) -> None:
        """Set the verdict of readings that change too fast or are stuck to BAD; other verdicts must be set already."""
        if not self.rules:
            return
        self._learn()
        rows = np.flatnonzero(self.limits["is_compared"][readings.series] & (readings.verdict != BAD))
        if not len(rows):
            return
        rows = rows[np.lexsort((readings.value[rows], readings.event_at[rows], readings.series[rows]))]
        series, at, value = readings.series[rows], readings.event_at[rows], readings.value[rows]
        is_later = (at > self.last["at"][series]) | (
            (at == self.last["at"][series]) & (value >= self.last["value"][series])
        )
        rows, series, at, value = rows[is_later], series[is_later], at[is_later], value[is_later]
        if not len(rows):
            return
        is_bad = self._too_fast(series, at, value) | self._stuck(series, at, value)
        newest = np.concatenate([run_starts(series)[1:], [len(series)]]) - 1
        self.last["at"][series[newest]] = at[newest]
        self.last["value"][series[newest]] = value[newest]
        readings.verdict[rows[is_bad]] = BAD

    def set_back(self, now: int) -> None:
        """No reading was of a later time than `now`, microseconds."""
        self.last.bound(("at",), now)
        for state in self.standing.values():
            state[1] = min(state[1], now)
            state[2] = {slot: pair for slot, pair in state[2].items() if pair[1] <= now}

    def forget(self, series: Ints) -> None:
        """Drop what is known of series."""
        self.last.reset(series[series < self.last.size])
        for number in series.tolist():
            self.standing.pop(number, None)

    def dump(self) -> dict[str, Any]:
        """State for a snapshot."""
        standing = [[key, value, since, list(slots.items())] for key, (value, since, slots) in self.standing.items()]
        return {"last": self.last.dump(), "standing": standing}

    def load(self, dumped: dict[str, Any]) -> None:
        """Take over a snapshot."""
        self.last.load(dumped["last"])
        self.standing = {
            key: [value, since, {slot: tuple(pair) for slot, pair in slots}]
            for key, value, since, slots in dumped["standing"]
        }

    def _learn(self) -> None:
        size = len(self.index)
        self.last.grow(size)
        self.limits.grow(size)
        for series in range(self._known, size):
            rule = self.rules.get(self.index.metric(series))
            if rule is not None:
                self.limits["is_compared"][series] = True
                self.limits["within"][series] = rule.compare_within
                if rule.max_change_per_s is not None:
                    self.limits["change"][series] = rule.max_change_per_s
        self._known = size

    def _too_fast(self, series: Ints, at: Ints, value: "np.ndarray[Any, np.dtype[np.float64]]") -> Bools:
        first = run_starts(series)
        before_at = np.concatenate([[NEVER], at[:-1]])
        before_value = np.concatenate([[np.nan], value[:-1]])
        before_at[first] = self.last["at"][series[first]]
        before_value[first] = self.last["value"][series[first]]
        has = (before_at > NEVER) & (before_at < at)
        pause = np.where(has, at - np.where(has, before_at, 0), 1)
        has &= pause <= self.limits["within"][series]
        with np.errstate(invalid="ignore", over="ignore"):
            found: Bools = has & (np.abs(value - before_value) > self.limits["change"][series] * (pause / 1e6))
        return found

    def _stuck(self, series: Ints, at: Ints, value: "np.ndarray[Any, np.dtype[np.float64]]") -> Bools:
        found = np.zeros(len(series), np.bool_)
        after = {
            each: rule.stuck_after
            for each in np.unique(series).tolist()
            if (rule := self.rules[self.index.metric(each)]).stuck_after is not None
        }
        if not after:
            return found
        for row, (key, now, own) in enumerate(zip(series.tolist(), at.tolist(), value.tolist(), strict=True)):
            limit = after.get(key)
            if limit is not None:
                found[row] = self._stands(key, now, own, limit)
        return found

    def _stands(self, key: int, now: int, own: float, limit: int) -> bool:
        """Whether an equal reading is `limit` to `limit` + slot older, with no other value in between."""
        state = self.standing.get(key)
        if state is None or state[0] != own:
            state = self.standing[key] = [own, now, {}]
        _, since, slots = state
        low, high = now - limit - self.slot, now - limit
        is_stuck = since <= high and any(
            low <= each <= high for number in (low // self.slot, high // self.slot) for each in slots.get(number, ())
        )
        number = now // self.slot
        slots[number] = (slots[number][0] if number in slots else now, now)
        for old in [each for each in slots if each < (now - limit) // self.slot - 1]:
            del slots[old]
        return is_stuck
