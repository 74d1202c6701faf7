"""Compares the landing files of some days with the ledger: which are new, and whether they are as written."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.kernel.days import day_of, day_span
from sensor_platform.kernel.durable import sha256
from sensor_platform.landing.ledger.schema import read_ledger
from sensor_platform.landing.ledger.warehouse_copy import newest_built_position

_SHOWN = 20
_IMPORTED = "^import-[^-]*$"
"""Segments of imported history."""


@dataclass(frozen=True, slots=True)
class DayRows:
    """Rows and files of one day of event time by the ledger."""

    day: date
    rows: int
    files: int


@dataclass(frozen=True, slots=True)
class FileDamage:
    """A landing file that differs from the ledger."""

    file: str
    what: str


@dataclass(frozen=True, slots=True)
class VerifiedDays:
    """Result of checking the landing files of some days."""

    days: tuple[DayRows, ...]
    """Days with readings, ascending."""
    checked_files: int
    checked_rows: int
    damage: tuple[FileDamage, ...]
    devices: int = 0
    """Devices in the checked files, within the days."""
    late_rows: int = 0
    """Readings that arrived later than one slot after their event, without imported ones."""
    newest_event_at: datetime | None = None
    """Newest event time, aware UTC; None without readings."""

    @property
    def rows(self) -> int:
        """Readings of the days."""
        return sum(day.rows for day in self.days)


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    rows: int
    bytes: int
    sha256: str


def verify_days(home: Home, days: tuple[date, date], *, is_whole: bool, slot: timedelta) -> VerifiedDays:
    """Check the landing files of `days` (both included) by size, SHA-256 and number of rows.

    Args:
        home: the data folder.
        days: days of event time.
        is_whole: check every file; otherwise those that no build of these days has read yet.
        slot: readings later than this after their event count as late.
    """
    start, end = day_span(days)
    with read_ledger(home) as ledger:
        if ledger is None:
            return VerifiedDays((), 0, 0, ())
        by_day = _rows_by_day(ledger, start, end)
        built = -1 if is_whole else newest_built_position(ledger, "readings_clean", start, end)
        files = _files(ledger, start, end, after=built)
    damage = tuple(FileDamage(file.name, what) for file in files if (what := _damage(home.root / file.name, file)))
    broken = {one.file for one in damage}
    devices, late, newest = _facts([home.root / file.name for file in files if file.name not in broken], days, slot)
    return VerifiedDays(by_day, len(files), sum(file.rows for file in files), damage, devices, late, newest)


def _rows_by_day(ledger: sqlite3.Connection, start: int, end: int) -> tuple[DayRows, ...]:
    rows = ledger.execute(
        "select s.slot_start / 86400000000, sum(s.rows), count(distinct s.file)"
        " from file_slots s join files f using (file)"
        " where s.slot_start >= ? and s.slot_start < ? and f.kind = 'landing' and f.replaced_at is null"
        " group by 1 order by 1",
        (start, end),
    )
    return tuple(DayRows(day_of(day * DAY), count, files) for day, count, files in rows)


def _files(ledger: sqlite3.Connection, start: int, end: int, after: int) -> list[_File]:
    rows = ledger.execute(
        "select distinct f.file, f.rows, f.bytes, f.sha256 from file_slots s join files f using (file)"
        " left join segments g using (segment)"
        " where s.slot_start >= ? and s.slot_start < ? and f.kind = 'landing' and f.replaced_at is null"
        " and (? < 0 or g.position > ?) order by 1",
        (start, end, after, after),
    )
    return [_File(*row) for row in rows]


def _damage(path: Path, file: _File) -> str | None:
    import pyarrow.parquet as pq

    try:
        size = path.stat().st_size
        if size != file.bytes:
            return f"has {size} bytes, the ledger has {file.bytes}"
        if sha256(path) != file.sha256:
            return "its content has changed (SHA-256)"
        rows = pq.read_metadata(path).num_rows
    except FileNotFoundError:
        return "is missing"
    return None if rows == file.rows else f"has {rows} rows, the ledger has {file.rows}"


def _facts(paths: Sequence[Path], days: tuple[date, date], slot: timedelta) -> tuple[int, int, datetime | None]:
    """Devices, late rows and newest event time of the files, within the days."""
    if not paths:
        return 0, 0, None
    import polars as pl

    event_at = pl.col("event_at")
    row = (
        pl.scan_parquet(list(paths), missing_columns="insert", extra_columns="ignore")
        .filter(event_at.dt.date().is_between(*days))
        .select(
            pl.col("device_id").n_unique().alias("devices"),
            ((pl.col("received_at") > event_at + slot) & ~pl.col("segment").str.contains(_IMPORTED))
            .sum()
            .alias("late"),
            event_at.max().alias("newest"),
        )
        .collect()
        .row(0)
    )
    devices, late, newest = row
    return devices, late or 0, newest.replace(tzinfo=UTC) if newest else None
