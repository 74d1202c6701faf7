"""Pauses between arrivals, by key, and their limit: given, or learned from the last pauses of the key."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sensor_platform.stream.equal_runs import Bools, run_numbers, run_starts
from sensor_platform.stream.growable import GrowableColumns
from sensor_platform.stream.series import NEVER, Ints

_LEARNED_FROM = 16
"""Pauses."""
_FOREVER = 1 << 61


@dataclass(frozen=True, slots=True)
class LongPause:
    """A pause that is longer than its limit; all times in microseconds."""

    key: int
    since: int
    """Arrival time of the last reading before it."""
    event_at: int
    """Event time of that reading."""
    limit: int
    ended_at: int
    """Arrival time of the next reading; 0 while the pause goes on."""


@dataclass(slots=True)
class ArrivalPauses:
    """Newest arrival and last pauses of each key (series or device) of one rule."""

    given: int | None
    """Limit in microseconds; None for a learned one."""
    factor: float
    """A learned limit is this times the median of the last pauses."""
    at_least: int
    """Lower bound of a learned limit, microseconds."""
    arrivals: GrowableColumns = field(
        default_factory=lambda: GrowableColumns(
            {"last": ("i8", NEVER), "event_at": ("i8", NEVER), "count": ("i8", 0)}
            | {f"pause{number}": ("i8", 0) for number in range(_LEARNED_FROM)}
        )
    )

    def take(self, key: Ints, received_at: Ints, event_at: Ints) -> list[LongPause]:
        """Take arrivals in, in order of key and arrival; returns the pauses that were too long and end with them."""
        if not len(key):
            return []
        self.arrivals.grow(int(key.max()) + 1)
        first = run_starts(key)
        before = np.concatenate([[NEVER], received_at[:-1]])
        before[first] = self.arrivals["last"][key[first]]
        event_before = np.concatenate([[NEVER], event_at[:-1]])
        event_before[first] = self.arrivals["event_at"][key[first]]
        known = before > NEVER
        pause = np.where(known, received_at - np.where(known, before, 0), 0)
        is_counted = known & (pause > 0)
        rows, limits = self._too_long(key, pause, is_counted)
        columns = (key, before, event_before, limits, received_at)
        long = [LongPause(*(int(column[row]) for column in columns)) for row in rows]
        if self.given is None:
            self._learn(key, pause, is_counted)
        last = np.concatenate([first[1:], [len(key)]]) - 1
        self.arrivals["last"][key[last]] = np.maximum(received_at[last], self.arrivals["last"][key[last]])
        self.arrivals["event_at"][key[last]] = event_at[last]
        return long

    def overdue(self, now: int) -> list[LongPause]:
        """Pauses that are too long by `now` and still go on."""
        size = self.arrivals.size
        last = self.arrivals["last"][:size]
        known = np.flatnonzero(last > NEVER)
        limits = self._limits(known)
        rows = np.flatnonzero(last[known] + limits < now)
        event_at = self.arrivals["event_at"]
        keys = [(int(known[row]), int(limits[row])) for row in rows]
        return [LongPause(key, int(last[key]), int(event_at[key]), limit, 0) for key, limit in keys]

    def set_back(self, now: int) -> None:
        """Nothing arrived later than `now`, microseconds."""
        self.arrivals.bound(("last", "event_at"), now)

    def forget(self, keys: Ints) -> None:
        """Wait for these keys no more, until they arrive again."""
        self.arrivals.reset(keys[keys < self.arrivals.size])

    def dump(self) -> dict[str, Any]:
        """State for a snapshot."""
        return self.arrivals.dump()

    def load(self, dumped: dict[str, Any]) -> None:
        """Take over a snapshot."""
        self.arrivals.load(dumped)

    def _too_long(self, key: Ints, pause: Ints, is_counted: Bools) -> tuple[Ints, Ints]:
        """Rows whose pause is longer than its limit, and the limits by row.

        A limit is learned from the sixteen pauses before the row, so that it does not depend on how a stream is cut.
        """
        limits = np.full(len(key), _FOREVER, np.int64)
        if self.given is not None:
            limits[:] = self.given
            return np.flatnonzero(is_counted & (pause > limits)), limits
        candidates = np.flatnonzero(is_counted & (pause > self.at_least))
        if not len(candidates):
            return candidates, limits
        first = run_starts(key)
        group = run_numbers(first, len(key))
        counted_before: Ints = np.cumsum(is_counted) - is_counted
        rank: Ints = counted_before - counted_before[first][group]
        count = self.arrivals["count"][key[first]]
        stored = np.stack([self.arrivals[f"pause{number}"][key[first]] for number in range(_LEARNED_FROM)], axis=1)
        stored = np.take_along_axis(stored, (count[:, None] + np.arange(_LEARNED_FROM)) % _LEARNED_FROM, axis=1)
        # for each key its stored pauses, oldest first, then the new ones
        flat = np.insert(pause[is_counted], np.repeat(counted_before[first], _LEARNED_FROM), stored.reshape(-1))
        start = group[candidates] * _LEARNED_FROM + counted_before[first][group[candidates]] + rank[candidates]
        windows = np.lib.stride_tricks.sliding_window_view(flat, _LEARNED_FROM)[start]
        has_learned = count[group[candidates]] + rank[candidates] >= _LEARNED_FROM
        limits[candidates] = np.where(has_learned, self._learned(windows), _FOREVER)
        return candidates[pause[candidates] > limits[candidates]], limits

    def _learned(self, pauses: Ints) -> Ints:
        """Limits by the last pauses, one row of pauses each."""
        usual = np.sort(pauses, axis=1)[:, _LEARNED_FROM // 2]
        limits: Ints = np.maximum(usual * self.factor, self.at_least).astype(np.int64)
        return limits

    def _limits(self, keys: Ints) -> Ints:
        if self.given is not None:
            return np.full(len(keys), self.given, np.int64)
        count = self.arrivals["count"][keys]
        pauses = np.stack([self.arrivals[f"pause{number}"][keys] for number in range(_LEARNED_FROM)], axis=1)
        return np.where(count >= _LEARNED_FROM, self._learned(pauses), _FOREVER) if len(keys) else np.empty(0, np.int64)

    def _learn(self, key: Ints, pause: Ints, counts: Bools) -> None:
        key, pause = key[counts], pause[counts]
        if not len(key):
            return
        first = run_starts(key)
        rank = np.arange(len(key)) - first[run_numbers(first, len(key))]
        place = (self.arrivals["count"][key] + rank) % _LEARNED_FROM
        for number in range(_LEARNED_FROM):
            rows = np.flatnonzero(place == number)
            self.arrivals[f"pause{number}"][key[rows]] = pause[rows]
        np.add.at(self.arrivals["count"], key, 1)
