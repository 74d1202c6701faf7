"""One self-contained DuckDB file with real tables, consistent across tables, to take away."""

from pathlib import Path
from typing import TYPE_CHECKING

from sensor_platform.durable import replacing
from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.warehouse import quarantine
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.connection import open_warehouse
from sensor_platform.warehouse.lineage import NOT_PUBLISHED, models
from sensor_platform.warehouse.lock import writer_lock
from sensor_platform.warehouse.views import COLUMNS_FILE, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def snapshot(home: Home, site: WarehouseSite, file: Path) -> dict[str, int]:
    """Write every published table into `file`; returns the rows of each.

    All tables are of one moment: the writer lock is held meanwhile.

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
    connection.execute(f"attach {literal(str(target))} as taken")
    try:
        rows = {table: _copy_table(connection, table, table) for table in _tables(connection)}
        files = home.published / quarantine.TABLE
        if (files / COLUMNS_FILE).exists():
            source = f"read_parquet({literal(str(files / '*' / '*.parquet'))}, hive_partitioning = false)"
            rows[quarantine.TABLE] = _copy_table(connection, quarantine.TABLE, source)
    finally:
        connection.execute("detach taken")
    return rows


def _tables(connection: "DuckDBPyConnection") -> list[str]:
    """The published tables that exist."""
    known = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
    published = [model.parents[0] for model in models().values() if model.builder == "publish"]
    return [table for table in published if table in known and table not in NOT_PUBLISHED]


def _copy_table(connection: "DuckDBPyConnection", table: str, source: str) -> int:
    done = connection.execute(f"create table taken.{table} as select * from {source}").fetchone()  # noqa: S608 - our own
    assert done is not None
    return int(done[0])
