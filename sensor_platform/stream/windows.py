"""Windows in event time, tumbling and hopping, over whole batches at once.

A window closes when its device's watermark (newest event time, at most the arrival time) has passed its end and the
grace, or by the clock if the device sends nothing. A later reading changes the window, which is emitted again with the
next revision, as long as it is kept. A reading that is later still is only counted here; the tables have it.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sensor_platform.kernel.clock import DAY
from sensor_platform.kernel.durations import duration
from sensor_platform.stream.columns import Readings
from sensor_platform.stream.config import WindowSpec
from sensor_platform.stream.growable import GrowableColumns
from sensor_platform.stream.series import NEVER, Ints, SeriesIndex
from sensor_platform.stream.window_stats import STATS, merge_stats, stats_of

_LATEST = np.iinfo(np.int64).max
_NONE = np.empty(0, np.int64)
_KEY_BITS = 40


@dataclass(slots=True)
class ClosedWindows:
    """Emitted windows of one spec, in order of start and series; equal lengths."""

    spec: WindowSpec
    columns: dict[str, npt.NDArray[Any]]
    """series, start, n, sum, mean, m2, min, max, first, last, first_at, last_at, last_received_at, bad_n, uncertain_n,
    late_n, revision. Values of windows without a usable reading (n = 0) are NaN."""

    def __len__(self) -> int:
        return len(self.columns["series"])


@dataclass(slots=True)
class Windows:
    """The windows of one spec that are open, or closed but kept for late readings."""

    spec: WindowSpec
    index: SeriesIndex
    slot: int
    """Microseconds; a reading that arrives with a longer delay is counted in `late_n`, as in the tables."""
    keep: int
    """Microseconds that a closed window is kept for late readings."""
    idle: int
    """Microseconds without readings after which the windows of a device are closed by the clock."""
    most: int = 2_000_000
    """Maximum number of windows; beyond it the oldest closed windows are discarded."""
    too_late: int = 0
    """Number of readings that arrived after their window was discarded."""
    floor: int = NEVER
    """Newest start of a window that was discarded because of `most`. Windows up to it are not opened again."""
    rows: GrowableColumns = field(
        default_factory=lambda: GrowableColumns(
            {"series": ("i8", -1), "start": ("i8", 0), "revision": ("i8", -1), "is_changed": ("?", False), **STATS}
        )
    )
    _rows: dict[int, int] = field(default_factory=dict)
    _free: list[int] = field(default_factory=list)
    _due_at: int = NEVER
    """Earliest end of a changed window; before it, no window can close."""
    _newest: GrowableColumns = field(default_factory=lambda: GrowableColumns({"key": ("i8", -1), "row": ("i8", -1)}))
    """The window of each series that got the last reading, which is nearly always the next one too."""

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, readings: Readings, before: Ints | None = None) -> None:
        """Add readings, sorted by series, event time and value.

        Args:
            readings: the readings.
            before: watermark of each reading's device before its arrival; None if no reading can be too late.
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
        """Microseconds from the start of a window until, by the device's watermark, readings are too late for it."""
        return self.spec.size + duration(self.spec.grace) + self.keep

    def close(self, now: int) -> ClosedWindows:
        """Return windows that are complete now, or have changed since they were emitted."""
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
        # only by the watermark: a device that paused may continue where it stopped
        is_old = (series >= 0) & (watermark >= end + self.keep) & ~rows["is_changed"][:size]
        self._forget(np.flatnonzero(is_old))
        return closed

    def set_back(self, now: int) -> None:
        """Forget windows that begin a day after `now` or later: no device may be so far ahead. The tables have them."""
        self.floor = min(self.floor, now)
        size = self.rows.size
        self._forget(np.flatnonzero((self.rows["series"][:size] >= 0) & (self.rows["start"][:size] >= now + DAY)))

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

    def forget(self, series: Ints, span: tuple[int, int] | None = None) -> None:
        """Discard windows of series, without emitting them.

        Args:
            series: numbers.
            span: only windows that hold a time of [first, end), microseconds; None for all.
        """
        size = self.rows.size
        is_theirs = np.isin(self.rows["series"][:size], series)
        if span is not None:
            start = self.rows["start"][:size]
            is_theirs &= (start < span[1]) & (start > span[0] - self.spec.size)
        self._forget(np.flatnonzero(is_theirs))

    def waiting(self) -> Ints:
        """Number of readings by series in windows that are not closed yet."""
        size = self.rows.size
        is_open = np.flatnonzero((self.rows["series"][:size] >= 0) & (self.rows["revision"][:size] < 0))
        n = self.rows["n"][is_open] + self.rows["bad_n"][is_open]
        found: Ints = np.bincount(self.rows["series"][is_open], weights=n, minlength=len(self.index)).astype(np.int64)
        return found

    def _watermarks(self, series: Ints, now: int) -> tuple[Ints, "npt.NDArray[np.bool_]"]:
        """Watermark of the device of each series, and whether the device sends nothing."""
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
        stats = stats_of(readings, begins, np.cumsum(is_first) - 1, self.slot)
        rows = self._find(keys[begins], readings.series[begins], start[begins])
        merge_stats(self.rows, rows, stats)
        self.rows["is_changed"][rows] = True
        self._due_at = min(self._due_at, int(start[begins].min()) + self.spec.size + duration(self.spec.grace))

    def _find(self, keys: Ints, series: Ints, start: Ints) -> Ints:
        """Row number of each window; new windows get a row."""
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

    def _emit(self, due: Ints) -> ClosedWindows:
        columns = {name: column[due] for name, column in self.rows.columns.items() if name != "is_changed"}
        is_empty = columns["n"] == 0
        columns["mean"] = np.divide(columns["sum"], columns["n"], out=np.full(len(due), np.nan), where=~is_empty)
        for name in ("sum", "m2", "min", "max"):
            columns[name] = np.where(is_empty, np.nan, columns[name])
        return ClosedWindows(self.spec, columns)

    def _forget(self, rows: Ints) -> None:
        over = len(self._rows) - self.most
        if over > 0:
            size = self.rows.size
            closed = np.flatnonzero((self.rows["revision"][:size] >= 0) & ~self.rows["is_changed"][:size])
            oldest = closed[np.argsort(self.rows["start"][closed], kind="stable")[: over + self.most // 10]]
            rows = np.union1d(rows, oldest)
            self.floor = max(self.floor, int(self.rows["start"][oldest].max(initial=NEVER)))
        if len(rows):
            self._newest.grow(len(self.index))
            self._newest["key"][self.rows["series"][rows]] = -1
            for key in self._keys(self.rows["series"][rows], self.rows["start"][rows]).tolist():
                del self._rows[key]
            self.rows.reset(rows)
            self._free += rows.tolist()
