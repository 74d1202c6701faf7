"""Publish: Parquet partition files and `analytics.duckdb`, never locked. Only what changed is written."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import MINUTE
from sensor_platform.kernel.durable import write_file
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.file.duckdb_sql import table_names, transaction
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.lineage import CATALOG_TABLES, Model, dbt_models, models
from sensor_platform.warehouse.lineage import published as published_name
from sensor_platform.warehouse.prediction_tables import ensure_predictions
from sensor_platform.warehouse.published import (
    folder_format,
    labels_table,
    ledger_tables,
    new_columns,
    partition_files,
    quarantine_view,
    views,
)
from sensor_platform.warehouse.published.alert_tables import ALERT_TABLES
from sensor_platform.warehouse.published.task_tables import TASK_TABLES
from sensor_platform.warehouse.staleness import state
from sensor_platform.warehouse.staleness.propagation import Built

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SIZE_FILE = "piece_size"
_NO_DAY = (date(1970, 1, 1), date(1970, 1, 1))


@dataclass(frozen=True, slots=True)
class PublishReport:
    """Result of a publish."""

    tables: Mapping[str, partition_files.Written] = field(default_factory=dict)
    """Tables that were stale, and what was written."""
    quarantine_files: int = 0
    """Quarantine files that became visible."""
    views_changed: bool = False
    seconds: float = 0.0


def publish(home: Home, site: WarehouseSite) -> PublishReport:
    """Write the partition files that are older than their tables. After a kill the next publish writes what is missing.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
        WrongUse: the published files have another span than `warehouse.large_piece`, or a newer version wrote them.
        CheckFailed: the file that says their format is damaged.
    """
    started = time.monotonic()
    is_earlier = folder_format.check(home.published) < folder_format.FORMAT
    if is_earlier:
        (home.published / views.TEXT).unlink(missing_ok=True)  # all views are written again
    _check_size(home, site)
    written: dict[str, partition_files.Written] = {}
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(_opened(home, site))
        if not _has_all_tables(connection, home):
            stack.close()
            build(home, site, days=_NO_DAY, position=0)
            connection = stack.enter_context(_opened(home, site))
        state.copy_recorded(home, connection)
        linked = quarantine_view.publish_files(home, connection)
        ledger_tables.publish_ledger_tables(home, connection)
        changed = _write_views(home, connection, _published(site))
        labels_table.publish_tables(home)
        for model in _published(site):
            done = _publish_table(home, site, connection, model)
            if done.files:
                written[model.parents[0]] = done
        if new_columns.finish(home, connection, _published(site), site.slot_minutes * MINUTE):
            changed = _write_views(home, connection, _published(site)) or changed
    if is_earlier:
        folder_format.stamp(home.published)
    return PublishReport(written, linked, changed, time.monotonic() - started)


def _check_size(home: Home, site: WarehouseSite) -> None:
    """Files of two spans would hold the same rows twice, see docs/adr/0001."""
    file, asked = home.published / SIZE_FILE, site.warehouse.large_piece
    if not file.exists():
        write_file(file, asked.encode())
    elif (found := file.read_text()) != asked:
        raise WrongUse(
            f"warehouse.large_piece is {asked!r}, but {home.published} holds partition files of span {found!r}",
            "set it back, or remove that folder: the next publish writes all of it again",
        )


def _published(site: WarehouseSite) -> list[Model]:
    return [model for model in models(site.warehouse.large_piece).values() if model.builder == "publish"]


@contextlib.contextmanager
def _opened(home: Home, site: WarehouseSite) -> Iterator["DuckDBPyConnection"]:
    with (
        writer_lock(home, "publish", wait_seconds=site.warehouse.lock_wait_seconds),
        open_warehouse(home, site.warehouse) as connection,
    ):
        yield connection


def _has_all_tables(connection: "DuckDBPyConnection", home: Home) -> bool:
    """Whether every published table exists; a build creates those of dbt and of the catalog, typed and empty."""
    state.ensure_tables(connection)
    ensure_predictions(connection, home)
    return table_names(connection) >= {*dbt_models(), *CATALOG_TABLES}


def _write_views(home: Home, connection: "DuckDBPyConnection", published: Sequence[Model]) -> bool:
    """Write the columns files and views of the present tables; True if the views changed."""
    elsewhere = {**labels_table.TABLES, **ALERT_TABLES, **TASK_TABLES}
    described: dict[str, views.Columns] = {quarantine_view.TABLE: quarantine_view.COLUMNS}
    described |= {name: table.columns for name, table in ledger_tables.TABLES.items()}
    for model in published:
        table = model.parents[0]
        described[table] = [(name, kind) for name, kind, *_ in connection.execute(f"describe {table}").fetchall()]
    described |= {table: list(columns) for table, columns in elsewhere.items()}
    whole = {model.parents[0] for model in published if model.grain == "whole"}
    whole |= set(elsewhere)
    for table, columns in described.items():
        is_whole = table in whole
        if not views.has_columns(connection, home.published, table, columns, whole=is_whole):
            if not views.has_growing_columns(table) or not (home.published / table).exists():
                state.forget(connection, published_name(table))
            if not is_whole and not views.has_growing_columns(table):
                new_columns.begin(home, table)
            views.write_columns(connection, home.published, table, columns, whole=is_whole)
    return views.write_views(home.published, described)


def _publish_table(
    home: Home, site: WarehouseSite, connection: "DuckDBPyConnection", model: Model
) -> partition_files.Written:
    slot = site.slot_minutes * MINUTE
    due = partition_files.behind(connection, model, slot)
    total = partition_files.Written(0, 0, 0)
    rows = partition_files.rows_of(connection, model, slot, list(due)) if due else {}
    for batch in partition_files.batches(list(due), rows, site.warehouse.chunk_readings):
        done = partition_files.write_files(connection, home.published, model, slot, batch)
        total = partition_files.Written(total.files + done.files, total.rows + done.rows, total.bytes + done.bytes)
        _record(home, connection, model, {start: due[start] for start in batch})
    state.follow(connection, model.name, model.parents[0])
    return total


def _record(home: Home, connection: "DuckDBPyConnection", model: Model, done: Mapping[int, Built]) -> None:
    """Record files after their renames: after a crash before this the same files are written again."""
    with transaction(connection):
        state.record(connection, model.name, done)
    state.copy_recorded(home, connection)
