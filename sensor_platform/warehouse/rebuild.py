"""Rebuilds the warehouse from landing files; before the retention horizon, from published Parquet."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.kernel.days import EARLIEST, LATEST, Days, day_of
from sensor_platform.kernel.durable import fsync_folder
from sensor_platform.landing.ledger import (
    NO_HORIZON,
    Horizon,
    read_ledger,
    readings_by_slot,
    retention_horizon,
    touched_slots,
)
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.file.duckdb_sql import table_names
from sensor_platform.warehouse.file.healing import forget_copy
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.forgotten_slots import reopen_forgotten_slots
from sensor_platform.warehouse.lineage import models

BEFORE_REBUILD = "warehouse.duckdb.before-rebuild"
"""Name of the old file until the new one is complete."""


@dataclass(frozen=True, slots=True)
class RebuildProgress:
    """A range of days was rebuilt."""

    days: Days
    readings: int
    done_readings: int
    total_readings: int


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """Result of a rebuild."""

    days: int
    readings: int
    restored: Mapping[str, int] = field(default_factory=dict)
    """Rows by table that were copied from the published tables, because landing no longer has their readings."""
    floor: date | None = None
    """First day that landing still has; None if nothing older was restored."""


def rebuild(
    home: Home,
    site: WarehouseSite,
    say: Callable[[RebuildProgress], None],
    after: Callable[[Days], None] = lambda days: None,  # noqa: ARG005
) -> RebuildReport:
    """Rebuild every table of dbt in ranges of days, oldest first; the writer lock is released between them.

    The old file is kept until the end. If the process is killed, the next runs finish the rebuild: what is not built is
    dirty.

    Args:
        home: the data folder.
        site: slot length and warehouse settings.
        say: called after each range.
        after: called with the days of a range before the next one is built, for retention.

    Raises:
        CheckFailed: a model or a test failed; the old file is still there, as `BEFORE_REBUILD`.
    """
    reopen_forgotten_slots(home, site, is_asked=True)  # while the old tables say what they have
    with writer_lock(home, "rebuild", wait_seconds=site.warehouse.lock_wait_seconds):
        _start(home)
    done = 0
    build(home, site, days=(date(1970, 1, 1), date(1970, 1, 1)), position=0)
    restored, gone = _restored(home, site)
    ranges = list(_ranges(home, site.warehouse.chunk_readings))
    total = sum(rows for _, rows in ranges)
    for days, rows in ranges:
        report = build(home, site, days=days)
        if not report.is_ok:
            raise CheckFailed(
                f"{', '.join(report.failed)} failed for {days[0]}..{days[1]}",
                f"the tables from before the rebuild are in warehouse/{BEFORE_REBUILD}; see warehouse/dbt/logs/dbt.log",
            )
        after(days)
        done += rows
        say(RebuildProgress(days, rows, done, total))
    (home.warehouse / BEFORE_REBUILD).unlink(missing_ok=True)
    floor = day_of(gone.floor) if restored and gone.floor > 0 else None
    return RebuildReport(sum((last - first).days + 1 for (first, last), _ in ranges), total, restored, floor)


def _start(home: Home) -> None:
    """Mark everything as dirty and move the old file out of the way."""
    forget_copy(home)
    log = home.warehouse_file.with_name(f"{home.warehouse_file.name}.wal")
    if home.warehouse_file.exists() and not (home.warehouse / BEFORE_REBUILD).exists():
        home.warehouse_file.rename(home.warehouse / BEFORE_REBUILD)
    home.warehouse_file.unlink(missing_ok=True)
    log.unlink(missing_ok=True)
    if home.warehouse.exists():
        fsync_folder(home.warehouse)


def _restored(home: Home, site: WarehouseSite) -> tuple[dict[str, int], Horizon]:
    """Rows that the first, empty build has copied from the published tables."""
    with read_ledger(home) as ledger:
        gone = retention_horizon(ledger) if ledger else NO_HORIZON
    names = [m.name for m in models().values() if m.builder not in {"publish", "catalog"} and m.is_published]
    with (
        writer_lock(home, "rebuild", wait_seconds=site.warehouse.lock_wait_seconds),
        open_warehouse(home, site.warehouse) as connection,
    ):
        there = table_names(connection)
        counts = {
            name: connection.execute(f"select count(*) from {name}").fetchone()  # noqa: S608 - our own names
            for name in names
            if name in there
        }
    return {name: int(row[0]) for name, row in counts.items() if row and row[0]}, gone


def _ranges(home: Home, most: int) -> Iterator[tuple[Days, int]]:
    """Ranges of whole days with about `most` readings each, oldest first."""
    with read_ledger(home) as ledger:
        touched = touched_slots(ledger, LATEST) if ledger else []  # where nothing is left, files are published still
        rows = dict.fromkeys(touched, 0) | (readings_by_slot(ledger, EARLIEST, LATEST) if ledger else {})
        gone = retention_horizon(ledger) if ledger else NO_HORIZON
    by_day: dict[int, int] = {}
    for slot, count in rows.items():
        if slot >= gone.floor:
            by_day[slot - slot % DAY] = by_day.get(slot - slot % DAY, 0) + count
    first: int | None = None
    held = 0
    for day in sorted(by_day):
        if first is not None and held + by_day[day] > most:
            yield (day_of(first), day_of(day - DAY)), held
            first, held = None, 0
        first = day if first is None else first
        held += by_day[day]
    if first is not None:
        yield (day_of(first), day_of(max(by_day) + DAY)), held
