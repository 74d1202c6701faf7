"""Build: from landing files to tables by lock, work list, source view, dbt and state. Safe to repeat and to kill."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import MINUTE, now_micros
from sensor_platform.kernel.days import Days
from sensor_platform.kernel.days import name as span_name
from sensor_platform.landing.ledger import (
    NO_HORIZON,
    read_ledger,
    retention_horizon,
)
from sensor_platform.warehouse import landing_damage
from sensor_platform.warehouse.build_input import BuildInput, build_scopes, write_build_input
from sensor_platform.warehouse.build_report import BuildReport, ModelReport
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.dbt import outcome
from sensor_platform.warehouse.dbt import runner as dbt_runner
from sensor_platform.warehouse.dbt.runner import NodeResult
from sensor_platform.warehouse.file import damage
from sensor_platform.warehouse.file.connection import WarehouseSetAside, is_new, open_warehouse
from sensor_platform.warehouse.file.duckdb_sql import table_names
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.forgotten_slots import reopen_forgotten_slots
from sensor_platform.warehouse.lineage import READINGS, Model, dbt_models, dbt_tables, looking_back, models
from sensor_platform.warehouse.prediction_tables import ensure_predictions
from sensor_platform.warehouse.published import restore
from sensor_platform.warehouse.staleness import costs, ledger_evidence, state
from sensor_platform.warehouse.staleness.costs import Cost
from sensor_platform.warehouse.staleness.propagation import Scope

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_BUILD_OPTIONS = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious")
"""Unit tests need no warehouse; a test over two models is not valid while only one of them is built."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Results of one chunk."""

    given: BuildInput
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
    """Rebuild the tables of dbt that are behind the ledger.

    Args:
        home: the data folder.
        site: slot length, catalog and warehouse settings.
        days: the windows that start in these days, both included; None for all.
        position: ledger position that triggered the build: only dirty windows are rebuilt. None rebuilds every window
            of the days that ever had data.
        models: names of dbt models; None for all. Other parents are not rebuilt.

    Returns:
        Facts about the build. A failed model or test does not raise: see `BuildReport.failed`.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
        WrongUse: an unknown model, or a mistake in the catalog.
        CheckFailed: dbt could not run at all.
    """
    started = time.monotonic()
    chosen = _chosen(models)
    reopen_forgotten_slots(home, site)
    done: list[_Chunk] = []
    scopes = build_scopes(home, days, site.warehouse.chunk_readings, everything=position is None)
    while scopes:
        scope = scopes.pop(0)
        with writer_lock(
            home, f"build {span_name(scope.start, scope.end)}", wait_seconds=site.warehouse.lock_wait_seconds
        ):
            try:
                done.append(_build_chunk(home, site, scope, chosen, everything=position is None))
            except WarehouseSetAside:  # once more, with a new file
                done.append(_build_chunk(home, site, scope, chosen, everything=position is None))
        scopes[:0] = done[-1].given.rest
        if outcome.failures(done[-1].nodes):
            break
    report = _report(done, time.monotonic() - started)
    _record_cost(home, report)
    return report


def _record_cost(home: Home, report: BuildReport) -> None:
    """Record the cost of this build, for the estimates of backfills."""
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


def _build_chunk(home: Home, site: WarehouseSite, scope: Scope, chosen: list[Model], *, everything: bool) -> _Chunk:
    """Build one chunk; the caller holds the writer lock."""
    names = [model.name for model in chosen]
    with open_warehouse(home, site.warehouse) as connection:
        if is_new(connection):
            _restore(home, site, connection)
        most = site.warehouse.chunk_readings
        given = write_build_input(home, site, connection, scope, chosen, everything=everything, most=most)
        nodes: list[NodeResult] = []
        if any(given.work.values()) or not table_names(connection) >= {*names}:
            selected = [node for name in names for node in (*dbt_tables()[name].views, name)]
            nodes = dbt_runner.run(
                ["build", "--select", *selected, *_BUILD_OPTIONS],
                dbt_runner.profile_folder(home, site.warehouse),
                slot_minutes=site.slot_minutes,
                invocation=given.invocation,
            )
            _raise_causes(home, given, nodes)
        reports = outcome.model_reports(connection, given.work, nodes)
        state.clear_work(connection)
        state.copy_recorded(home, connection)
        recorded = state.read_state(connection, names, *given.span)
    ledger_evidence.copy_to_ledger(home, recorded)
    return _Chunk(given, nodes, reports)


def _raise_causes(home: Home, given: BuildInput, nodes: Sequence[NodeResult]) -> None:
    """Raise what is the cause of a failed model, where that is a full disk or a damaged file."""
    import duckdb

    messages = [node.message for node in nodes if node.status == "error"]
    full = next((message for message in messages if damage.is_disk_full(message)), None)
    if full is None and messages:
        landing_damage.raise_damage(home, given.landing)
    cause = full or next((message for message in messages if damage.is_suspected(message)), None)
    if cause is not None:
        raise duckdb.Error(cause)  # judged where the warehouse was opened


def _restore(home: Home, site: WarehouseSite, connection: "DuckDBPyConnection") -> None:
    """Fill a new warehouse file: create empty tables, then restore what landing no longer has from published files."""
    everything = [models()[name] for name in dbt_models()]
    given = write_build_input(home, site, connection, Scope(0, 0, with_whole=False), everything, everything=False)
    if home.published.exists() and any(home.published.glob("*/day=*/*.parquet")):
        selected = [node for name, table in dbt_tables().items() for node in (*table.views, name)]
        folder = dbt_runner.profile_folder(home, site.warehouse)
        arguments = ["run", "--select", *selected]
        dbt_runner.run(arguments, folder, slot_minutes=site.slot_minutes, invocation=given.invocation)
    ensure_predictions(connection, home)
    with read_ledger(home) as ledger:
        horizon = retention_horizon(ledger) if ledger else NO_HORIZON
    slot = site.slot_minutes * MINUTE
    reach = looking_back(models()[READINGS], given.lookback).reach(slot)
    restore.restore_rows(home, connection, horizon.looking_back(slot, reach))
    state.clear_work(connection)


def _report(done: Sequence[_Chunk], seconds: float) -> BuildReport:
    nodes = [node for chunk in done for node in chunk.nodes]
    return BuildReport(
        position=max(chunk.given.position for chunk in done),
        generation=done[-1].given.generation,
        models=outcome.merged([chunk.models for chunk in done]),
        tests=outcome.test_reports(nodes),
        failed=outcome.failures(nodes),
        chunks=len(done),
        files=sum(len(chunk.given.landing) for chunk in done),
        seconds=seconds,
    )
