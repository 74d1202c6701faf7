"""Removes readings that a publisher repeats: same message id, device and metric, by the same rules as the tables.

If the device gives a time, the time is part of the identity. Without one, a repeat within a slot of the previous one is
dropped, unless the device's numbers began again at 0 or 1 meanwhile. Only the last `horizon` of arrival is remembered,
with a bound on the number of keys: an older repeat is too late for every window that is kept, and the tables remove it.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sensor_platform.stream.columns import Bools, Readings, message_keys
from sensor_platform.stream.equal_runs import highest_before
from sensor_platform.stream.series import Ints, SeriesIndex

Keys = npt.NDArray[np.uint64]
_BEGINNINGS = tuple(message_keys(["0", "1"]).tolist())
"""Keys of the numbers from which a device that was started counts."""
_ODD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_PARTS = 4
"""Buckets of the horizon. The oldest is discarded as a whole."""


@dataclass(slots=True)
class _Bucket:
    since: int
    fresh: list[Keys] = field(default_factory=list)
    ordered: Keys = field(default_factory=lambda: np.empty(0, np.uint64))
    size: int = 0

    def add(self, keys: Keys) -> None:
        self.fresh.append(keys)
        self.size += len(keys)

    def holds(self, keys: Keys) -> Bools:
        if self.fresh:
            self.ordered = np.sort(np.concatenate([self.ordered, *self.fresh]))
            self.fresh = []
        if not len(self.ordered):
            return np.zeros(len(keys), np.bool_)
        at = np.searchsorted(self.ordered, keys)
        return np.asarray(self.ordered[np.minimum(at, len(self.ordered) - 1)] == keys)


@dataclass(slots=True)
class Dedupe:
    """Remembers message ids for `horizon`."""

    index: SeriesIndex
    slot: int
    """Microseconds."""
    horizon: int
    """Microseconds of arrival."""
    most: int = 8_000_000
    """Maximum number of keys, of eight bytes each."""
    dropped: int = 0
    _buckets: deque[_Bucket] = field(default_factory=deque)
    _last_at: dict[int, int] = field(default_factory=dict)
    """Newest event time by key, of messages without a device time."""
    _counts: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Key of the newest message without a device time, and how often its numbers began again, by device."""
    _pruned_at: int = 0

    def fresh(self, readings: Readings, now: int) -> Readings:
        """Return the readings without repeats. Pass every reading once, before the index takes its event time over."""
        named = readings.message_key != 0
        if not named.any():
            return readings
        is_repeat = np.zeros(len(readings), np.bool_)
        timed = np.flatnonzero(named & readings.is_device_time)
        if len(timed):
            is_repeat[timed] = self._timed(readings, timed, now)
        untimed = np.flatnonzero(named & ~readings.is_device_time)
        for row in untimed[np.argsort(readings.message[untimed], kind="stable")].tolist():
            is_repeat[row] = self._untimed(readings, row)
        self._prune(now)
        if not is_repeat.any():
            return readings
        self.dropped += int(is_repeat.sum())
        return readings.pick(~is_repeat)

    def set_back(self, now: int) -> None:
        """Nothing was remembered later than `now`, microseconds."""
        for bucket in self._buckets:
            bucket.since = min(bucket.since, now)
        self._last_at = {key: min(at, now) for key, at in self._last_at.items()}
        self._pruned_at = min(self._pruned_at, now)

    def dump(self) -> dict[str, Any]:
        """State for a snapshot."""
        buckets = [
            [each.since, np.concatenate([each.ordered, *each.fresh]).tobytes()] for each in self._buckets if each.size
        ]
        return {
            "dropped": self.dropped,
            "buckets": buckets,
            "last_at": [list(item) for item in self._last_at.items()],
            "counts": [[device, *found] for device, found in self._counts.items()],
        }

    def load(self, dumped: dict[str, Any]) -> None:
        """Take over a snapshot."""
        self.dropped = dumped["dropped"]
        self._last_at = dict(dumped["last_at"])
        self._counts = {device: (key, runs) for device, key, runs in dumped.get("counts", ())}
        self._buckets = deque()
        for since, data in dumped["buckets"]:
            bucket = _Bucket(since)
            bucket.add(np.frombuffer(data, np.uint64))
            self._buckets.append(bucket)

    def _timed(self, readings: Readings, rows: Ints, now: int) -> Bools:
        keys = _keys(readings, rows)
        # a key with a time that is newer than every earlier one of the series cannot be known yet
        old = np.flatnonzero(~_is_newest(readings, self.index)[rows])
        is_repeat = np.zeros(len(rows), np.bool_)
        if len(old):
            for bucket in self._buckets:
                is_repeat[old] |= bucket.holds(keys[old])
            is_repeat |= _seen_in_batch(keys)
        self._add(keys[~is_repeat], now)
        return is_repeat

    def _untimed(self, readings: Readings, row: int) -> bool:
        message, device = int(readings.message_key[row]), int(self.index.by_series["device"][readings.series[row]])
        before_it, runs = self._counts.get(device, (message, 0))
        if message in _BEGINNINGS[: 2 if before_it not in _BEGINNINGS else 1] and message != before_it:
            runs += 1
        self._counts[device] = (message, runs)
        key = hash((int(readings.series[row]), message, runs))
        at = int(readings.event_at[row])
        before = self._last_at.get(key)
        self._last_at[key] = at if before is None else max(at, before)
        return before is not None and at - before < self.slot

    def _add(self, keys: Keys, now: int) -> None:
        buckets = self._buckets
        if not buckets or now - buckets[-1].since > self.horizon // _PARTS or buckets[-1].size > self.most // _PARTS:
            buckets.append(_Bucket(now))
        buckets[-1].add(keys)
        while len(buckets) > 1 and (
            buckets[1].since < now - self.horizon or sum(each.size for each in buckets) > self.most
        ):
            buckets.popleft()

    def _prune(self, now: int) -> None:
        if now - self._pruned_at > self.slot and self._last_at:
            self._pruned_at = now
            self._last_at = {key: at for key, at in self._last_at.items() if at > now - 2 * self.slot}


def _keys(readings: Readings, rows: Ints) -> Keys:
    with np.errstate(over="ignore"):
        key = readings.message_key[rows] ^ (readings.event_at[rows].astype(np.uint64) * _ODD[0])
        key = (key ^ (key >> np.uint64(29))) * _ODD[1]
        key = key ^ (readings.series[rows].astype(np.uint64) * _ODD[0])
        return np.asarray((key ^ (key >> np.uint64(32))) * _ODD[1])


def _is_newest(readings: Readings, index: SeriesIndex) -> Bools:
    """Whether the event time of each reading is later than those of all earlier readings of its series."""
    series, at = readings.series, readings.event_at
    return at > highest_before(series, at, index.by_series["event_at"][series])


def _seen_in_batch(keys: Keys) -> Bools:
    """Whether an equal key comes earlier in the batch."""
    order = np.argsort(keys, kind="stable")
    is_seen = np.zeros(len(keys), np.bool_)
    is_seen[order[1:]] = keys[order[1:]] == keys[order[:-1]]
    return is_seen
