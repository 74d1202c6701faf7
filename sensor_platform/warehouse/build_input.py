"""What one chunk of a build starts from: an up-to-date catalog, the stale windows and a view of their landing files."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, MINUTE, now_micros
from sensor_platform.kernel.days import Days, day_span
from sensor_platform.landing.ledger import (
    LandingFile,
    landing_files,
    read_ledger,
    readings_by_slot,
    readings_of_slots,
    slots_between,
    touched_extent,
)
from sensor_platform.warehouse.catalog import sync_catalog
from sensor_platform.warehouse.catalog.unit_tables import learn_conversions
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.dbt.source_view import coalesce, make_source_view
from sensor_platform.warehouse.landing_damage import reading_landing
from sensor_platform.warehouse.lineage import READINGS, Model, dbt_models, looking_back, models
from sensor_platform.warehouse.published import finality
from sensor_platform.warehouse.staleness import state, trimmed
from sensor_platform.warehouse.staleness.chunks import chunks
from sensor_platform.warehouse.staleness.propagation import Scope, StaleWindows
from sensor_platform.warehouse.staleness.staleness import Staleness

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class BuildInput:
    """The windows that one dbt invocation rebuilds, written into the warehouse's work list."""

    invocation: str
    """Stamp of the work list, so that no other invocation uses it."""
    generation: str
    position: int
    work: StaleWindows
    landing: tuple[LandingFile, ...]
    """Landing files that the source view reads."""
    span: tuple[int, int]
    """[start, end) of the windows that decided about the work, microseconds."""
    lookback: int
    """Slots that rules of the catalog look back."""
    rest: Sequence[Scope] = ()
    """What is left of the scope, where all of it was too much for one chunk."""


def build_scopes(home: Home, days: Days | None, chunk_readings: int, *, everything: bool) -> list[Scope]:
    """The chunks of a build; at least one, so that the tables of an empty warehouse exist too.

    Args:
        home: the data folder.
        days: first and last day; None for all days that the ledger has slots in, and the one after.
        chunk_readings: readings of a chunk.
        everything: cut by the number of readings; stale windows are cut once it is known which they are.
    """
    with read_ledger(home) as ledger:
        extent = touched_extent(ledger) if ledger else None
        if days is not None:
            first, last = day_span(days)
        elif extent is not None:
            first, last = extent[0] - extent[0] % DAY, extent[1] - extent[1] % DAY + 2 * DAY
        else:
            first, last = 0, DAY
        rows = readings_by_slot(ledger, first, last) if ledger and everything else {}
    return chunks(first, last, rows, chunk_readings)


def write_build_input(
    home: Home,
    site: WarehouseSite,
    connection: "DuckDBPyConnection",
    scope: Scope,
    chosen: Sequence[Model],
    *,
    everything: bool,
    most: int | None = None,
) -> BuildInput:
    """Update the catalog, find the stale windows, write them as work list and point the source view at their files.

    Args:
        home: the data folder.
        site: slot length, catalog and warehouse settings.
        connection: the open warehouse.
        scope: which windows may be built.
        chosen: models, parents first.
        everything: not only stale windows.
        most: readings from which on only a first part of the scope is taken; None for no limit.

    Raises:
        WrongUse: a mistake in the catalog.
    """
    state.ensure_tables(connection)
    finality.take_over_revisions(home, connection)
    lookback = sync_catalog(home, site, connection)
    chosen = [looking_back(model, lookback) for model in chosen]
    slot = site.slot_minutes * MINUTE
    with read_ledger(home) as ledger:
        staleness = Staleness.of(ledger, slot)
        span = staleness.span(scope, chosen)
        slots = slots_between(ledger, *span) if ledger else {}
        known = state.read_state(connection, dbt_models(), *span)
        gone = trimmed.read(connection)

        def work_of(part: Scope) -> StaleWindows:
            found = staleness.windows(chosen, slots, known, part, everything=everything)
            return staleness.with_parents(found, chosen, slots, known, gone)

        work = work_of(scope)
        rows = readings_of_slots(ledger, work.get(READINGS, {})) if ledger and most is not None else {}
        parts = chunks(scope.start, scope.end, rows, most or 1) if rows else [scope]
        if len(parts) > 1:
            work = work_of(parts[0])
        wanted = _slots_to_read(work, lookback, slot)
        files = landing_files(ledger, home, wanted) if ledger else []
    with reading_landing(home, files):
        make_source_view(connection, files, coalesce(sorted(wanted), slot))
        if files:
            learn_conversions(connection)
    made = BuildInput(
        uuid.uuid4().hex, staleness.generation, staleness.position, work, tuple(files), span, lookback, parts[1:]
    )
    final = finality.final_before(connection, site.warehouse, now_micros())
    state.write_work(connection, made.invocation, work, final)
    return made


def _slots_to_read(work: Mapping[str, Mapping[int, object]], lookback: int, slot: int) -> set[int]:
    """Slots of landing that the stale windows of readings depend on."""
    reach = looking_back(models()[READINGS], lookback).reach(slot)
    return {at for window in work.get(READINGS, ()) for at in range(window - reach, window + slot, slot)}
