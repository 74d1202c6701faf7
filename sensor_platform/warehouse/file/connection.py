"""How the platform opens its DuckDB files: one configuration, so that dbt and Python share an instance in a process."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.file.duckdb_sql import has_table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


NEW = "to_restore"
"""Marker table of a new file, until the rows that landing no longer has were restored."""


class WarehouseSetAside(Unreachable):
    """The warehouse file was found damaged while in use and was set aside; the next open creates a new one."""


def duckdb_config(config: WarehouseConfig) -> dict[str, str]:
    """Options of the instance. dbt's profile must carry the same, or DuckDB refuses the second connection."""
    options = {
        "memory_limit": config.memory_limit,
        "preserve_insertion_order": "false",
        "TimeZone": "UTC",
        "autoinstall_known_extensions": "false",
    }
    if config.threads:
        options["threads"] = str(config.threads)
    return options


@contextlib.contextmanager
def open_warehouse(home: Home, config: WarehouseConfig) -> Iterator["DuckDBPyConnection"]:
    """A connection to the warehouse file; the caller holds the writer lock.

    A damaged file is set aside and replaced by a new one; all its windows are dirty then.

    Raises:
        Unreachable: another program has the file open, or it is of another version; or memory or disk are not enough.
        WarehouseSetAside: the file was found damaged while in use.
        CheckFailed: a Parquet file that the body reads is damaged.
        WrongUse: a newer version of the platform wrote the file.
    """
    import duckdb

    from sensor_platform.warehouse.file import damage, file_format, healing

    home.warehouse.mkdir(parents=True, exist_ok=True)
    options = duckdb_config(config)
    try:
        connection = healing.connect(home, lambda: duckdb.connect(str(home.warehouse_file), config=dict(options)))
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise Unreachable(
            f"cannot open the warehouse: {first}",
            "the file is private to the platform; close what has it open and query `published/analytics.duckdb`",
        ) from error
    try:
        _mark_new(connection)
        file_format.stamp(connection, home)
        yield connection
    except duckdb.Error as error:
        with contextlib.suppress(duckdb.Error):
            connection.close()
        is_suspected = damage.is_suspected(str(error))
        what = damage.damage_of(home, options) if is_suspected else None
        if what is None:
            if (explained := damage.explained(home, error)) is not None:
                raise explained from error
            raise
        healing.put_aside(home, what)
        raise WarehouseSetAside(
            f"the warehouse file was damaged and is set aside: {what.splitlines()[0]}",
            "no action is needed: the next run rebuilds it from landing files and published tables",
        ) from error
    finally:
        with contextlib.suppress(duckdb.Error):
            connection.close()


@contextlib.contextmanager
def read_warehouse(home: Home) -> Iterator["DuckDBPyConnection"]:
    """A read-only connection to the warehouse file, for checks while nothing writes it.

    Raises:
        Unreachable: there is no warehouse file, or another process has it open for writing.
        WrongUse: a newer version of the platform wrote the file.
    """
    import duckdb

    from sensor_platform.warehouse.file import file_format

    try:
        connection = duckdb.connect(str(home.warehouse_file), read_only=True)
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise Unreachable(f"cannot read the warehouse: {first}", "try again when no build or publish runs") from error
    with connection:
        file_format.check(connection, home)
        yield connection


def is_new(connection: "DuckDBPyConnection") -> bool:
    """Whether the rows that landing no longer has are still to be restored into this file."""
    return has_table(connection, NEW)


def _mark_new(connection: "DuckDBPyConnection") -> None:
    """Mark a file without a state as new."""
    if not has_table(connection, "state"):
        connection.execute(f"create table if not exists {NEW} (x integer)")
