"""Slots that tables or published files have rows of, though the ledger names them no more.

A ledger that was lost and made again from its manifests names the slots that have readings. Where everything of a slot
was forgotten, withdrawn or relanded away before, its tables were never told. Such slots are touched once more, so that
they are built from nothing: their rows go, and what is published of them.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.clock import MINUTE
from sensor_platform.kernel.days import LATEST
from sensor_platform.landing.ledger import (
    generation,
    note,
    open_ledger,
    read_ledger,
    reopen_slots,
    retention_horizon,
    touched_slots,
)
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.file.duckdb_sql import has_table
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.lineage import READINGS, dbt_models, models, published
from sensor_platform.warehouse.published.partition_files import published_starts

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NOTE = "slots_of_tables"
"""Generation of the ledger whose slots were compared with the tables."""


def reopen_forgotten_slots(home: Home, site: WarehouseSite, *, is_asked: bool = False) -> int:
    """Touch these slots, once for each generation of the ledger; returns how many.

    Slots that may not be built again stay as they are: nothing but the tables has their rows.

    Args:
        home: the data folder.
        site: slot length and warehouse settings.
        is_asked: compare, whether or not it was done for this generation.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
    """
    with read_ledger(home) as ledger:
        if ledger is None or (note(ledger, _NOTE) == generation(ledger) and not is_asked):
            return 0
    built: set[int] = set()
    if home.warehouse_file.exists():
        with (
            writer_lock(home, "build", wait_seconds=site.warehouse.lock_wait_seconds),
            open_warehouse(home, site.warehouse) as connection,
        ):
            built = _built(connection)
    with open_ledger(home) as ledger:
        known = touched_slots(ledger, LATEST)
        horizon = retention_horizon(ledger)
        found = built - set(known)
        found |= set(_published(home, site, sorted({*known, *found})))
        lost = sorted(slot for slot in found if not horizon.freezes(slot))
        reopen_slots(ledger, lost, {_NOTE: generation(ledger)})
    return len(lost)


def _built(connection: "DuckDBPyConnection") -> set[int]:
    """Slots that were ever built."""
    if not has_table(connection, "state"):
        return set()
    rows = connection.execute("select epoch_us(window_start) from state where model = ?", [READINGS]).fetchall()
    return {start for (start,) in rows}


def _published(home: Home, site: WarehouseSite, known: list[int]) -> Iterator[int]:
    """Starts of published files that hold no known slot, as slots: whatever is older is not known to be built."""
    slot = site.slot_minutes * MINUTE
    described = models(site.warehouse.large_piece)
    for table in dbt_models():
        copy = described.get(published(table))
        size = None if copy is None else copy.size(slot)
        if size is None:
            continue
        for start in published_starts(home.published, table):
            at = bisect_left(known, start)
            if at == len(known) or known[at] >= start + size:
                yield start
