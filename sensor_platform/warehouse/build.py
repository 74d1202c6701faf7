"""From landing files to tables: lock, work list, source view, dbt, state. Safe to run twice and to kill anywhere."""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, MINUTE, now_micros
from sensor_platform.kernel.days import Days, day_span
from sensor_platform.kernel.days import name as span_name
from sensor_platform.landing.ledger import (
    NO_HORIZON,
    generation,
    landing_files,
    newest_touch,
    read_ledger,
    readings_by_slot,
    retention_horizon,
    slots_between,
    touched_extent,
)
from sensor_platform.warehouse.build_report import BuildReport, ModelReport
from sensor_platform.warehouse.catalog import adopt
from sensor_platform.warehouse.catalog.unit_tables import learn_conversions
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.dbt import outcome
from sensor_platform.warehouse.dbt import runner as dbt_runner
from sensor_platform.warehouse.dbt.runner import NodeResult
from sensor_platform.warehouse.dbt.source_view import coalesce, make_source_view
from sensor_platform.warehouse.file import healing
from sensor_platform.warehouse.file.connection import WarehouseSetAside, is_new, open_warehouse
from sensor_platform.warehouse.file.duckdb_sql import table_names
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.lineage import READINGS, Model, dbt_models, dbt_tables, looking_back, models
from sensor_platform.warehouse.prediction_tables import ensure_predictions
from sensor_platform.warehouse.published import finality, restore
from sensor_platform.warehouse.staleness import costs, ledger_evidence, state, trimmed
from sensor_platform.warehouse.staleness.chunks import chunks
from sensor_platform.warehouse.staleness.costs import Cost
from sensor_platform.warehouse.staleness.propagation import Built, Scope, work_list
from sensor_platform.warehouse.staleness.rematerialise import thaw

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_BUILD_OPTIONS = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious")
"""Unit tests need no warehouse; a test over two models says nothing while only one of them is built."""

Work = Mapping[str, Mapping[int, Built]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A work list that is ready to be built."""

    invocation: str
    """Stamp of the work list: dbt takes no other for its own."""
    generation: str
    position: int
    work: Work
    files: int
    """Landing files that the source view reads."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What one chunk did."""

    prepared: Prepared
    nodes: list[NodeResult]
    models: dict[str, ModelReport]


def build(
    home: Home,
    site: WarehouseSite,
    *,
    days: Days | None = None,
    position: int | None = None,
    models: Sequence[str] | None = None,
) -> BuildReport:
    """Bring the tables that dbt makes up to the ledger.

    Args:
        home: the data folder.
        site: slot length, catalog and warehouse settings.
        days: the windows that start in these days, both included; None for all.
        position: the evidence that asked for it: only dirty windows are rebuilt. None rebuilds every window of the days
            that ever had data.
        models: names of dbt models; None for all. Parents that are left out count as they are.

    Returns:
        What was done. A failed model or test does not raise: see `BuildReport.failed`.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
        WrongUse: an unknown model, or a mistake in the catalog.
        CheckFailed: dbt could not run at all.
    """
    started = time.monotonic()
    chosen = _chosen(models)
    done: list[_Chunk] = []
    for scope in _scopes(home, site, days, everything=position is None):
        with writer_lock(
            home, f"build {span_name(scope.start, scope.end)}", wait_seconds=site.warehouse.lock_wait_seconds
        ):
            try:
                done.append(_build_chunk(home, site, scope, chosen, everything=position is None))
            except WarehouseSetAside:  # once more, with a new file
                done.append(_build_chunk(home, site, scope, chosen, everything=position is None))
        if outcome.failures(done[-1].nodes):
            break
    report = _report(done, time.monotonic() - started)
    _record_cost(home, report)
    return report


def _record_cost(home: Home, report: BuildReport) -> None:
    """For the estimates of backfills."""
    clean = report.models.get(READINGS)
    windows = sum(model.windows for model in report.models.values())
    if windows:
        rows = clean.rows if clean else 0
        costs.record(home, Cost(at=now_micros(), readings=rows, windows=windows, seconds=report.seconds))


def _chosen(names: Sequence[str] | None) -> list[Model]:
    known = models()
    wanted = dbt_models() if names is None else tuple(names)
    unknown = [name for name in wanted if name not in dbt_models()]
    if unknown:
        raise WrongUse(f"dbt builds no model {unknown[0]!r}", f"choose from {', '.join(dbt_models())}")
    return [known[name] for name in dbt_models() if name in wanted]


def _scopes(home: Home, site: WarehouseSite, days: Days | None, *, everything: bool) -> list[Scope]:
    """The chunks of this build; at least one, so that an empty warehouse has its tables too."""
    with read_ledger(home) as ledger:
        extent = touched_extent(ledger) if ledger else None
        first, last = bounds(days, extent)
        rows = readings_by_slot(ledger, first, last) if ledger and everything else {}
    return chunks(first, last, rows, site.warehouse.chunk_readings)


def bounds(days: Days | None, extent: tuple[int, int] | None) -> tuple[int, int]:
    """[start, end) of the days, or of all days that the ledger has slots in and the one after."""
    if days is not None:
        return day_span(days)
    if extent is None:
        return 0, DAY
    return extent[0] - extent[0] % DAY, extent[1] - extent[1] % DAY + 2 * DAY


def _build_chunk(home: Home, site: WarehouseSite, scope: Scope, chosen: list[Model], *, everything: bool) -> _Chunk:
    """Build one chunk; the caller holds the writer lock."""
    names = [model.name for model in chosen]
    with open_warehouse(home, site.warehouse) as connection:
        if is_new(connection):
            _restore(home, site, connection)
        prepared = prepare(home, site, connection, scope, chosen, everything=everything)
        nodes: list[NodeResult] = []
        if any(prepared.work.values()) or not table_names(connection) >= {*names}:
            state.write_work(
                connection, prepared.invocation, prepared.work, finality.final_before(connection, site.warehouse)
            )
            selected = [node for name in names for node in (*dbt_tables()[name].views, name)]
            nodes = dbt_runner.run(
                ["build", "--select", *selected, *_BUILD_OPTIONS],
                dbt_runner.profile_folder(home, site.warehouse),
                slot_minutes=site.slot_minutes,
                invocation=prepared.invocation,
            )
            healing.raise_damage(node.message for node in nodes if node.status == "error")
        reports = outcome.model_reports(connection, prepared.work, nodes)
        state.clear_work(connection)
        state.copy_recorded(home, connection)
        recorded = state.read_state(connection, names, *_reach_of(scope, chosen, site.slot_minutes * MINUTE))
    ledger_evidence.copy_to_ledger(home, recorded)
    return _Chunk(prepared, nodes, reports)


def _restore(home: Home, site: WarehouseSite, connection: "DuckDBPyConnection") -> None:
    """A new warehouse file: its tables empty, then what landing no longer has from the published pieces."""
    everything = [models()[name] for name in dbt_models()]
    prepared = prepare(home, site, connection, Scope(0, 0, with_whole=False), everything, everything=False)
    state.write_work(connection, prepared.invocation, prepared.work)
    if home.published.exists() and any(home.published.glob("*/day=*/*.parquet")):
        selected = [node for name, table in dbt_tables().items() for node in (*table.views, name)]
        folder = dbt_runner.profile_folder(home, site.warehouse)
        arguments = ["run", "--select", *selected]
        dbt_runner.run(arguments, folder, slot_minutes=site.slot_minutes, invocation=prepared.invocation)
    ensure_predictions(connection, home)
    with read_ledger(home) as ledger:
        restore.restore(home, connection, retention_horizon(ledger) if ledger else NO_HORIZON)
    state.clear_work(connection)


def prepare(
    home: Home,
    site: WarehouseSite,
    connection: "DuckDBPyConnection",
    scope: Scope,
    chosen: Sequence[Model],
    *,
    everything: bool,
) -> Prepared:
    """Derive the work list, load the catalog and point the source view at the files of the windows."""
    slot = site.slot_minutes * MINUTE
    state.ensure_tables(connection)
    finality.take_over_revisions(home, connection)
    lookback = adopt(home, site, connection)
    chosen = [looking_back(model, lookback) for model in chosen]
    reach = looking_back(models()[READINGS], lookback).reach(slot)
    span = _reach_of(scope, chosen, slot)
    with read_ledger(home) as ledger:
        made = generation(ledger) if ledger else ""
        slots = slots_between(ledger, *span) if ledger else {}
        known = state.read_state(connection, dbt_models(), *span)
        gone = retention_horizon(ledger) if ledger else NO_HORIZON
        work = work_list(
            chosen, slots, known, generation=made, slot=slot, scope=scope, everything=everything, frozen=gone
        )
        work = thaw(work, chosen, slots, known, trimmed.read(connection), slot, made, gone).work
        wanted = {at for window in work.get(READINGS, ()) for at in range(window - reach, window + slot, slot)}
        files = landing_files(ledger, home, wanted) if ledger else []
        position = newest_touch(ledger) if ledger else 0
    make_source_view(connection, files, coalesce(sorted(wanted), slot))
    if files:
        learn_conversions(connection)
    return Prepared(uuid.uuid4().hex, made, position, work, len(files))


def _reach_of(scope: Scope, chosen: Sequence[Model], slot: int) -> tuple[int, int]:
    """What must be known to judge the windows of a scope: from the farthest reach before it to its end."""
    return scope.start - DAY - sum(model.reach(slot) for model in chosen), scope.end


def _report(done: Sequence[_Chunk], seconds: float) -> BuildReport:
    nodes = [node for chunk in done for node in chunk.nodes]
    return BuildReport(
        position=max(chunk.prepared.position for chunk in done),
        generation=done[-1].prepared.generation,
        models=outcome.merged([chunk.models for chunk in done]),
        tests=outcome.test_reports(nodes),
        failed=outcome.failures(nodes),
        chunks=len(done),
        files=sum(chunk.prepared.files for chunk in done),
        seconds=seconds,
    )
