"""Windows in event time, tumbling and hopping, over whole batches at once.

A window closes when its device's watermark (newest event time, never ahead of arrival) has passed its end and the
grace, or by the clock when the device has gone silent. What comes later changes it, and it is emitted again with the
next revision, as long as it is kept; later still, the reading is counted and left to the tables.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sensor_platform.stream.columns import BAD, UNCERTAIN, Readings
from sensor_platform.stream.config import WindowSpec
from sensor_platform.stream.durations import duration
from sensor_platform.stream.growing import Growing
from sensor_platform.stream.series import NEVER, Ints, SeriesIndex

_LATEST = np.iinfo(np.int64).max
_NONE = np.empty(0, np.int64)
_KEY_BITS = 40


@dataclass(slots=True)
class Closed:
    """Emitted windows of one spec, in order of start and series; equal lengths."""

    spec: WindowSpec
    columns: dict[str, npt.NDArray[Any]]
    """series, start, n, sum, mean, m2, min, max, first, last, first_at, last_at, last_received_at, bad_n, uncertain_n,
    late_n, revision; numbers of windows without a usable reading (n = 0) are NaN."""

    def __len__(self) -> int:
        return len(self.columns["series"])


_STATS: dict[str, tuple[str, Any]] = {
    "n": ("i8", 0),
    "sum": ("f8", 0.0),
    "m2": ("f8", 0.0),
    "min": ("f8", np.inf),
    "max": ("f8", -np.inf),
    "first": ("f8", np.nan),
    "last": ("f8", np.nan),
    "first_at": ("i8", _LATEST),
    "last_at": ("i8", NEVER),
    "last_received_at": ("i8", NEVER),
    "bad_n": ("i8", 0),
    "uncertain_n": ("i8", 0),
    "late_n": ("i8", 0),
}


@dataclass(slots=True)
class Windows:
    """The windows of one spec that are open, or closed but kept for late readings."""

    spec: WindowSpec
    index: SeriesIndex
    slot: int
    """A reading that arrives more than this after its time is counted in `late_n`, as in the tables."""
    keep: int
    """Microseconds that a closed window waits for late readings."""
    idle: int
    """A device that is silent for so long has its windows closed by the clock."""
    most: int = 2_000_000
    """Windows held; beyond it the oldest closed ones are given up."""
    too_late: int = 0
    """Readings that came after their window was given up."""
    floor: int = NEVER
    """Newest start of a window that was given up for want of room: nothing before it is begun again."""
    rows: Growing = field(
        default_factory=lambda: Growing(
            {"series": ("i8", -1), "start": ("i8", 0), "revision": ("i8", -1), "is_changed": ("?", False), **_STATS}
        )
    )
    _rows: dict[int, int] = field(default_factory=dict)
    _free: list[int] = field(default_factory=list)
    _due_at: int = NEVER
    """No window that has changed is over before this: until then there is nothing to look at."""
    _newest: Growing = field(default_factory=lambda: Growing({"key": ("i8", -1), "row": ("i8", -1)}))
    """Of each series, the window that was last counted into: nearly always the one that is asked for next."""

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, readings: Readings, before: Ints | None = None) -> None:
        """Count readings in, sorted by series, event time and value.

        Args:
            readings: in time.
            before: watermark of each reading's device just before it arrived; None where none can be too late.
        """
        size, hop = self.spec.size, self.spec.hop
        newest = readings.event_at // hop * hop
        for shift in range(0, size, hop):
            start = newest - shift
            is_late = start <= self.floor
            if before is not None:
                is_late |= start + self.patience <= before
            self.too_late += int(is_late.sum())
            self._count(readings.pick(~is_late) if is_late.any() else readings, start[~is_late])

    @property
    def patience(self) -> int:
        """From the start of a window until readings are too late for it, by the device's watermark."""
        return self.spec.size + duration(self.spec.grace) + self.keep

    def close(self, now: int) -> Closed:
        """Windows that are complete now, or have changed since they were."""
        if self._nothing_is_due(now):
            return self._emit(_NONE)
        size = self.rows.size
        rows, series = self.rows, self.rows["series"][:size]
        watermark, is_silent = self._watermarks(series, now)
        end = rows["start"][:size] + self.spec.size + duration(self.spec.grace)
        is_over = (watermark >= end) | (is_silent & (end <= now))
        is_due = (series >= 0) & is_over & rows["is_changed"][:size]
        due = np.flatnonzero(is_due)
        due = due[np.lexsort((series[due], rows["start"][due]))]
        rows["revision"][due] += 1
        rows["is_changed"][due] = False
        left = end[(series >= 0) & rows["is_changed"][:size]]
        self._due_at = int(left.min(initial=_LATEST))
        closed = self._emit(due)
        # by the watermark alone: a device that was silent may go on where it stopped
        is_old = (series >= 0) & (watermark >= end + self.keep) & ~rows["is_changed"][:size]
        self._forget(np.flatnonzero(is_old))
        return closed

    def _nothing_is_due(self, now: int) -> bool:
        if len(self._rows) > self.most or not len(self.index):
            return False
        return max(now, int(self.index.by_device["watermark"][: len(self.index.devices)].max())) < self._due_at

    def dump(self) -> dict[str, Any]:
        """State for a snapshot."""
        return {"too_late": self.too_late, "floor": self.floor, "rows": self.rows.dump()}

    def load(self, dumped: dict[str, Any]) -> None:
        """Take over a snapshot."""
        self.too_late, self.floor = dumped["too_late"], dumped["floor"]
        self.rows.load(dumped["rows"])
        series = self.rows["series"][: self.rows.size]
        used = np.flatnonzero(series >= 0)
        keys = self._keys(series[used], self.rows["start"][used])
        self._rows = dict(zip(keys.tolist(), used.tolist(), strict=True))
        self._free = np.flatnonzero(series < 0).tolist()
        self._due_at = NEVER

    def waiting(self) -> Ints:
        """Readings in windows that are not closed yet, by series."""
        size = self.rows.size
        is_open = np.flatnonzero((self.rows["series"][:size] >= 0) & (self.rows["revision"][:size] < 0))
        n = self.rows["n"][is_open] + self.rows["bad_n"][is_open]
        found: Ints = np.bincount(self.rows["series"][is_open], weights=n, minlength=len(self.index)).astype(np.int64)
        return found

    def _watermarks(self, series: Ints, now: int) -> tuple[Ints, "npt.NDArray[np.bool_]"]:
        """How far each series' device has come, and whether it has gone silent."""
        if not len(self.index):
            return np.full(len(series), NEVER, np.int64), np.zeros(len(series), np.bool_)
        device = self.index.by_series["device"][np.maximum(series, 0)]
        return self.index.by_device["watermark"][device], self.index.by_device["received_at"][device] <= now - self.idle

    def _keys(self, series: Ints, start: Ints) -> Ints:
        # years 1 to 9999 in whole seconds need 39 bits
        return (series << _KEY_BITS) + start // self.spec.hop + (1 << (_KEY_BITS - 1))

    def _count(self, readings: Readings, start: Ints) -> None:
        if not len(readings):
            return
        keys = self._keys(readings.series, start)
        is_first = np.concatenate([[True], keys[1:] != keys[:-1]])
        begins = np.flatnonzero(is_first)
        stats = _stats(readings, begins, np.cumsum(is_first) - 1, self.slot)
        rows = self._find(keys[begins], readings.series[begins], start[begins])
        _merge(self.rows, rows, stats)
        self.rows["is_changed"][rows] = True
        self._due_at = min(self._due_at, int(start[begins].min()) + self.spec.size + duration(self.spec.grace))

    def _find(self, keys: Ints, series: Ints, start: Ints) -> Ints:
        """Row of each window, new ones made."""
        known, free, newest = self._rows, self._free, self._newest
        newest.grow(len(self.index))
        rows = np.where(newest["key"][series] == keys, newest["row"][series], -1)
        others = np.flatnonzero(rows < 0)
        if not len(others):
            return rows
        found: list[int] = []
        fresh: list[int] = []
        for number, key in zip(others.tolist(), keys[others].tolist(), strict=True):
            row = known.get(key, -1)
            if row < 0:
                row = known[key] = free.pop() if free else len(known)
                fresh.append(number)
            found.append(row)
        rows[others] = found
        self.rows.grow(int(rows.max()) + 1)
        self.rows["series"][rows[fresh]] = series[fresh]
        self.rows["start"][rows[fresh]] = start[fresh]
        newest["key"][series[others]], newest["row"][series[others]] = keys[others], rows[others]
        return rows

    def _emit(self, due: Ints) -> Closed:
        columns = {name: column[due] for name, column in self.rows.columns.items() if name != "is_changed"}
        is_empty = columns["n"] == 0
        columns["mean"] = np.divide(columns["sum"], columns["n"], out=np.full(len(due), np.nan), where=~is_empty)
        for name in ("sum", "m2", "min", "max"):
            columns[name] = np.where(is_empty, np.nan, columns[name])
        return Closed(self.spec, columns)

    def _forget(self, rows: Ints) -> None:
        over = len(self._rows) - self.most
        if over > 0:
            size = self.rows.size
            closed = np.flatnonzero((self.rows["revision"][:size] >= 0) & ~self.rows["is_changed"][:size])
            oldest = closed[np.argsort(self.rows["start"][closed], kind="stable")[: over + self.most // 10]]
            rows = np.union1d(rows, oldest)
            self.floor = max(self.floor, int(self.rows["start"][oldest].max(initial=NEVER)))
        if len(rows):
            self._newest["key"][self.rows["series"][rows]] = -1
            for key in self._keys(self.rows["series"][rows], self.rows["start"][rows]).tolist():
                del self._rows[key]
            self.rows.reset(rows)
            self._free += rows.tolist()


def _stats(readings: Readings, begins: Ints, group: Ints, slot: int) -> dict[str, npt.NDArray[Any]]:
    """What each group of consecutive readings adds to its window."""
    verdict, value = readings.verdict, readings.value
    is_bad = verdict == BAD
    stats: dict[str, npt.NDArray[Any]] = {
        "last_received_at": np.maximum.reduceat(readings.received_at, begins),
        "bad_n": np.add.reduceat(is_bad, begins, dtype=np.int64),
        "uncertain_n": np.add.reduceat(verdict == UNCERTAIN, begins, dtype=np.int64),
        "late_n": np.add.reduceat(readings.received_at - readings.event_at > slot, begins, dtype=np.int64),
    }
    at = readings.event_at
    if is_bad.any():
        count = len(begins)
        value, at, group = value[~is_bad], at[~is_bad], group[~is_bad]
        used, begins = np.unique(group, return_index=True)
        inner = _numbers(value, at, begins, np.searchsorted(used, group)) if len(used) else {}
        for name, (dtype, fill) in _STATS.items():
            if name not in stats:
                stats[name] = np.full(count, fill, dtype)
                if len(used):
                    stats[name][used] = inner[name]
        return stats
    return stats | _numbers(value, at, begins, group)


def _numbers(value: "npt.NDArray[np.float64]", at: Ints, begins: Ints, group: Ints) -> dict[str, npt.NDArray[Any]]:
    ends = np.concatenate([begins[1:], [len(value)]])
    n = ends - begins
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.add.reduceat(value, begins)
        m2 = np.add.reduceat((value - (total / n)[group]) ** 2, begins)
    return {
        "n": n,
        "sum": total,
        "m2": m2,
        "min": np.minimum.reduceat(value, begins),
        "max": np.maximum.reduceat(value, begins),
        "first": value[begins],
        "last": value[ends - 1],
        "first_at": at[begins],
        "last_at": at[ends - 1],
    }


def _merge(rows: Growing, at: Ints, add: dict[str, npt.NDArray[Any]]) -> None:
    """Add statistics to windows, each of which occurs once. Squared deviations add up exactly (Chan et al. 1979)."""
    have = {name: rows[name][at] for name in _STATS}
    n, more = have["n"], add["n"]
    both = np.maximum(n + more, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        gap = np.where((n > 0) & (more > 0), add["sum"] / np.maximum(more, 1) - have["sum"] / np.maximum(n, 1), 0.0)
        rows["m2"][at] = have["m2"] + add["m2"] + gap * gap * n * more / both
        rows["sum"][at] = have["sum"] + add["sum"]
    for name in ("n", "bad_n", "uncertain_n", "late_n"):
        rows[name][at] = have[name] + add[name]
    rows["min"][at] = np.minimum(have["min"], add["min"])
    rows["max"][at] = np.maximum(have["max"], add["max"])
    rows["last_received_at"][at] = np.maximum(have["last_received_at"], add["last_received_at"])
    # several at one instant are in order of value, as in the tables
    is_first = (add["first_at"] < have["first_at"]) | (
        (add["first_at"] == have["first_at"]) & (more > 0) & (add["first"] < have["first"])
    )
    is_last = (add["last_at"] > have["last_at"]) | (
        (add["last_at"] == have["last_at"]) & (more > 0) & (add["last"] > have["last"])
    )
    for name, is_better in (("first", is_first), ("last", is_last)):
        rows[name][at] = np.where(is_better, add[name], have[name])
        rows[f"{name}_at"][at] = np.where(is_better, add[f"{name}_at"], have[f"{name}_at"])
