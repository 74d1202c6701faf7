"""External sort: takes readings in any order, and returns them by slot, in pieces of the size of one landing file.

Readings that fit into one run stay in memory. More are spilled as sorted runs, and each piece takes its range of slots
from every run. Memory is bounded for every order and size of the source, and no slot is in two files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl

RUN_ROWS = 6_000_000
"""Readings sorted at once, about 60 bytes each."""
PIECE_ROWS = 2_100_000
"""A landing file ends at the first slot border after this number: more than half of a compacted file."""

Numbers: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"


@dataclass(slots=True)
class _Run:
    """Readings sorted by slot."""

    readings: pl.DataFrame | Path
    slots: Numbers
    """Numbers of the slots in the run, ascending."""
    ends: Numbers
    """The row at which each slot ends."""

    def rows(self, first: int, last: int) -> tuple[int, int]:
        """First row and number of rows of the slots from `first` to `last`, both included."""
        low, high = np.searchsorted(self.slots, [first, last + 1])
        start = int(self.ends[low - 1]) if low else 0
        return start, (int(self.ends[high - 1]) if high else 0) - start

    def read(self, first: int, last: int) -> pl.DataFrame:
        """The readings of these slots."""
        start, rows = self.rows(first, last)
        if isinstance(self.readings, pl.DataFrame):
            return self.readings.slice(start, rows)
        return pl.scan_ipc(self.readings).slice(start, rows).collect()


@dataclass(slots=True)
class SortedRuns:
    """Takes readings with an `event_at`, and returns them by slot."""

    folder: Path
    """Folder of the spilled runs, on the disk of the home because they may be large."""
    slot: int
    """Length of a slot in microseconds."""
    count: int = 0
    _runs: list[_Run] = field(default_factory=list)
    _pending: list[pl.DataFrame] = field(default_factory=list)
    _pending_rows: int = 0

    def add(self, readings: pl.DataFrame) -> None:
        """Add readings; spills a run when enough are pending."""
        if readings.is_empty():
            return
        self._pending.append(readings.with_columns(slot=(pl.col("event_at") // self.slot).cast(pl.Int32)))
        self._pending_rows += len(readings)
        self.count += len(readings)
        if self._pending_rows >= RUN_ROWS:
            self._close_run(is_last=False)

    def pieces(self) -> Iterator[tuple[int, int]]:
        """Ranges of slot numbers, both ends included, of about `PIECE_ROWS` readings. Call it after the last `add`."""
        if self._pending:
            self._close_run(is_last=not self._runs)
        sizes = _sum([(run.slots, np.diff(run.ends, prepend=0)) for run in self._runs])
        first, rows = None, 0
        for number, size in zip(*(column.tolist() for column in sizes), strict=True):
            first = number if first is None else first
            rows += size
            if rows >= PIECE_ROWS:
                yield first, number
                first, rows = None, 0
        if first is not None:
            yield first, number

    def read(self, first: int, last: int) -> pl.DataFrame:
        """The readings of a range of slots, in order of arrival."""
        parts = [run.read(first, last) for run in self._runs]
        return pl.concat([part for part in parts if len(part)], how="diagonal")

    def _close_run(self, *, is_last: bool) -> None:
        readings = pl.concat(self._pending, how="diagonal", rechunk=False)
        self._pending, self._pending_rows = [], 0
        if not readings["slot"].is_sorted():
            readings = readings.sort("slot", maintain_order=True)
        counted = readings.group_by("slot", maintain_order=True).len()
        slots = counted["slot"].cast(pl.Int64).to_numpy()
        ends = np.cumsum(counted["len"].cast(pl.Int64).to_numpy())
        kept: pl.DataFrame | Path = readings
        if not is_last:
            kept = self.folder / f"run-{len(self._runs)}.arrow"
            readings.write_ipc(kept, compression="lz4")
        self._runs.append(_Run(kept, slots, ends))


def _sum(counted: list[tuple[Numbers, Numbers]]) -> tuple[Numbers, Numbers]:
    """Slot numbers and the readings in each, over all runs."""
    if not counted:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    slots, inverse = np.unique(np.concatenate([slots for slots, _ in counted]), return_inverse=True)
    rows = np.bincount(inverse, np.concatenate([rows for _, rows in counted])).astype(np.int64)
    return slots, rows
