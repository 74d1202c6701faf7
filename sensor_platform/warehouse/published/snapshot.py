"""Snapshot: one self-contained DuckDB file with tables instead of views, consistent across tables."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.durable import replacing
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.file.duckdb_sql import literal, quoted, table_names
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.lineage import models, tiers
from sensor_platform.warehouse.published import (
    column_comments,
    derived,
    instants,
    labels_table,
    ledger_tables,
    quarantine_view,
)
from sensor_platform.warehouse.published.alert_tables import ALERT_TABLES
from sensor_platform.warehouse.published.task_tables import TASK_TABLES
from sensor_platform.warehouse.published.views import COLUMNS_FILE, STORAGE_VERSION, WHOLE_FILE, joined_over

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def snapshot(home: Home, site: WarehouseSite, file: Path) -> dict[str, int]:
    """Write every published table into `file`; returns the rows of each.

    The writer lock is held meanwhile, so that all tables show the same moment.

    Raises:
        WrongUse: the file exists already, or its folder does not.
        Unreachable: the lock or the warehouse could not be had in time, or the file could not be written.
    """
    if file.exists():
        raise WrongUse(f"{file} exists already", "name a file that does not, or remove it first")
    if not file.parent.is_dir():
        raise WrongUse(f"folder {file.parent} does not exist", "create it first")
    what = f"snapshot {file.name}"
    with (
        writer_lock(home, what, wait_seconds=site.warehouse.lock_wait_seconds),
        open_warehouse(home, site.warehouse) as connection,
    ):
        try:
            with replacing(file.resolve()) as temporary:
                return _copy(connection, home, temporary)
        except OSError as error:
            raise Unreachable(
                f"cannot write {file}: {error.strerror}", "check the folder's rights and disk space"
            ) from error


def _copy(connection: "DuckDBPyConnection", home: Home, target: Path) -> dict[str, int]:
    connection.execute(f"attach {literal(str(target))} as taken (storage_version {literal(STORAGE_VERSION)})")
    try:
        tables = _tables(connection)
        rows = {table: _copy_table(connection, table, _rows_of(connection, table, tables)) for table in tables}
        for table in (quarantine_view.TABLE, *ledger_tables.TABLES):
            files = home.published / table
            if (files / COLUMNS_FILE).exists():
                source = f"read_parquet({literal(str(files / '*' / '*.parquet'))}, hive_partitioning = false)"
                rows[table] = _copy_table(connection, table, source)
        for table in (*labels_table.TABLES, *ALERT_TABLES, *TASK_TABLES):
            if (whole := home.published / table / WHOLE_FILE).exists():
                rows[table] = _copy_table(connection, table, f"read_parquet({literal(str(whole))})")
        _add_views(connection, rows)
    finally:
        connection.execute("detach taken")
    return rows


def _rows_of(connection: "DuckDBPyConnection", table: str, tables: list[str]) -> str:
    """SQL for the rows of a table, with the columns that published views derive at present."""
    if table == "predictions":
        return f"(select *, {derived.IS_HINDSIGHT} from predictions)"  # noqa: S608 - our own names
    if not derived.is_derived(table, tables):
        return table
    own = ", ".join(f"t.{quoted(name)}" for name, *_ in connection.execute(f"describe {table}").fetchall())
    if table in tiers():
        return f"(select * exclude (day) from ({derived.tier(table, own, _source)}))"  # noqa: S608 - our own names
    return f"({derived.device_status(own, _source)})"


def _add_views(connection: "DuckDBPyConnection", tables: Collection[str]) -> None:
    """The views over several tables that analysts have in the published file."""
    own = connection.execute("select current_database()").fetchone()
    assert own is not None
    connection.execute("use taken")
    try:
        plain = [f"create view {quoted(table)} as\n{_plain(connection, table)}" for table in tables]
        instants.create_plain(connection, plain)
        instants.create(connection, joined_over(tables))
        column_comments.comment(connection)
    finally:
        connection.execute(f"use {quoted(str(own[0]))}")


def _plain(connection: "DuckDBPyConnection", table: str) -> str:
    """SQL for the rows of a table of the snapshot, with plain times."""
    columns = connection.execute(f"describe main.{quoted(table)}").fetchall()
    return instants.as_plain(f"select * from main.{quoted(table)}", columns)  # noqa: S608 - our own names


def _source(table: str) -> str:
    has_windows = table in tiers()
    return f"(select *, cast(window_start as date) as day from {table})" if has_windows else table  # noqa: S608


def _tables(connection: "DuckDBPyConnection") -> list[str]:
    """The published tables that exist."""
    known = table_names(connection)
    published = [model.parents[0] for model in models().values() if model.builder == "publish"]
    return [table for table in published if table in known]


def _copy_table(connection: "DuckDBPyConnection", table: str, source: str) -> int:
    query = f"select * from {source}"  # noqa: S608 - our own names
    query = instants.as_instants(query, connection.execute(f"describe {query}").fetchall())
    done = connection.execute(f"create table taken.{table} as {query}").fetchone()
    assert done is not None
    return int(done[0])
