"""Catalog sync: updates warehouse and ledger from the catalog files, and marks the affected readings as dirty.

The change is derived, never passed: the files are compared with the catalog that the warehouse was last built with.
First the ledger's slots are touched, with a position of their own, so that all tables follow as after a late reading;
then the warehouse stores the new rows. If the process is killed in between, the next build finds the same difference.
"""

from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.kernel.days import ALL_TIME
from sensor_platform.landing.ledger import (
    generation,
    newest_touch,
    note,
    open_ledger,
    read_ledger,
    reopen_slots,
    slots_between,
)
from sensor_platform.warehouse.catalog.catalog_files import digest, read_catalog
from sensor_platform.warehouse.catalog.catalog_model import Catalog, SiteFacts
from sensor_platform.warehouse.catalog.catalog_tables import read_tables, recorded_generation, write_tables
from sensor_platform.warehouse.catalog.changes import Changed, changes
from sensor_platform.warehouse.catalog.kind_versions import changed_kinds
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.file.duckdb_sql import has_table
from sensor_platform.warehouse.lineage import READINGS
from sensor_platform.warehouse.staleness import trimmed
from sensor_platform.warehouse.staleness.propagation import Built

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

NOTE = "catalog"
"""Note in the ledger: digest of the files that the warehouse is built with. The sensor reads it without DuckDB."""
LOOKBACK_NOTE = "catalog.lookback_slots"


def sync_catalog(home: Home, site: WarehouseSite, connection: "DuckDBPyConnection") -> int:
    """Update the warehouse and the ledger from the catalog files; the caller holds the writer lock.

    Returns:
        Slots before a window that the verdicts in it depend on (see `Catalog.lookback_slots`).

    Raises:
        WrongUse: a mistake in the files, named with file and line.
    """
    new, facts = read_catalog(site.catalog), site_facts(site)
    seen = digest(site.catalog)
    lookback = new.lookback_slots(site.slot_minutes)
    known = read_tables(connection)
    with read_ledger(home) as ledger:
        made = generation(ledger) if ledger else ""
        is_noted = ledger is None or note(ledger, NOTE) == seen
    kinds = changed_kinds(connection, new)
    is_current = known is not None and is_noted and not kinds and recorded_generation(connection) == made
    if not is_current or not _same(known, (facts, new)):
        old = known[1] if known else Catalog()
        built = _reopen(home, connection, [*changes(old, new), *kinds], {NOTE: seen, LOOKBACK_NOTE: str(lookback)})
        write_tables(connection, facts, new, built)
    return lookback


def site_facts(site: WarehouseSite) -> SiteFacts:
    """Settings of the site that published views use."""
    config = site.warehouse
    return SiteFacts(site.slot_minutes, config.allowed_lateness_hours, config.fill_minutes, config.fill_hours)


def _reopen(home: Home, connection: "DuckDBPyConnection", changed: list[Changed], notes: dict[str, str]) -> Built:
    if not home.ledger_file.exists():
        return Built("", 0)
    with open_ledger(home) as ledger:
        slots = _slots_of(connection, changed)
        for start, end in _trimmed_spans_of(connection, changed):
            slots |= slots_between(ledger, start, end).keys()
        reopen_slots(ledger, slots & slots_between(ledger, *ALL_TIME).keys() if slots else (), notes)
        return Built(generation(ledger), newest_touch(ledger))


def _slots_of(connection: "DuckDBPyConnection", changed: list[Changed]) -> set[int]:
    """Slots that hold affected readings."""
    return _starts_of(connection, changed, "readings_clean", "slot_start", "event_at")


def _trimmed_spans_of(connection: "DuckDBPyConnection", changed: list[Changed]) -> list[tuple[int, int]]:
    """Spans with affected readings in days whose single readings retention has deleted.

    Their hours tell which, and where hours are gone too, the day does. Rows that came back with a late reading are no
    sign that the others are there.
    """
    gone = trimmed.read(connection)
    days = gone.get(READINGS, set())
    spans: list[tuple[int, int]] = []
    for table, size, of in (("readings_1h", HOUR, days), ("readings_1d", DAY, days & gone.get("readings_1h", set()))):
        starts = _starts_of(connection, changed, table, "window_start", "first_at", "last_at") if of else set()
        spans += [(start, start + size) for start in starts if start - start % DAY in of]
    return spans


def _starts_of(
    connection: "DuckDBPyConnection",
    changed: list[Changed],
    table: str,
    window: str,
    first: str,
    last: str | None = None,
) -> set[int]:
    if not changed or not has_table(connection, table):
        return set()
    connection.execute(
        "create or replace temp table changed as select unnest(?::varchar[]) as metric,"
        " unnest(?::varchar[]) as device_id, unnest(?::timestamp[]) as starts, unnest(?::timestamp[]) as ends",
        [list(column) for column in zip(*((c.metric, c.device_id, c.start, c.end) for c in changed), strict=True)],
    )
    rows = connection.execute(
        f"select distinct epoch_us({window}) from {table} as r join changed using (metric)"  # noqa: S608 - our own names
        " where (changed.device_id is null or changed.device_id = r.device_id)"
        f" and ({first} is null or {first} < ends) and ({last or first} is null or {last or first} >= starts)"
    ).fetchall()
    return {start for (start,) in rows}


def _same(known: tuple[SiteFacts | None, Catalog] | None, new: tuple[SiteFacts, Catalog]) -> bool:
    """Whether both have the same rows, in any order."""
    if known is None:
        return False
    (old_facts, old), (facts, rows) = known, new
    return old_facts == facts and all(
        set(before) == set(after)
        for before, after in (
            (old.devices, rows.devices),
            (old.metrics, rows.metrics),
            (old.calibration, rows.calibration),
        )
    )
