"""Keeps the warehouse file from growing without limit: when much of it is free, its tables are copied to a new file.

DuckDB does not return free blocks to the disk. The copy is verified and replaces the file by rename.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.durable import replacing
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.file.duckdb_sql import literal, quoted
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.lineage import models

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_FREE = 0.5
"""The file is rewritten when at least this fraction of its blocks is free."""
LEAST_BYTES = 64 << 20
"""The file is not rewritten while fewer bytes than this are free."""


@dataclass(frozen=True, slots=True)
class ShrinkReport:
    """Size of the warehouse file before and after; equal if it was not rewritten."""

    before: int
    """Bytes."""
    after: int
    """Bytes."""


def shrink(home: Home, site: WarehouseSite, least_bytes: int = LEAST_BYTES, *, is_forced: bool = False) -> ShrinkReport:
    """Rewrite the warehouse file if much of it is free.

    Args:
        home: the data folder.
        site: warehouse settings.
        least_bytes: do nothing while fewer bytes than this are free.
        is_forced: rewrite it in any case, so that nothing of deleted rows is left in free blocks.

    Raises:
        CheckFailed: the copy is incomplete; nothing was changed.
        Unreachable: the writer lock or the warehouse file could not be had in time.
    """
    if not home.warehouse_file.exists():
        return ShrinkReport(0, 0)
    with writer_lock(home, "shrink", wait_seconds=site.warehouse.lock_wait_seconds):
        for left in home.warehouse.glob("warehouse.duckdb.*.tmp*"):
            left.unlink()
        with open_warehouse(home, site.warehouse) as connection:
            connection.execute("checkpoint")
            free, total, block = _blocks(connection)
        before = home.warehouse_file.stat().st_size
        if not is_forced and (not total or free / total < MOST_FREE or free * block < least_bytes):
            return ShrinkReport(before, before)
        with replacing(home.warehouse_file) as temporary, open_warehouse(home, site.warehouse) as connection:
            _copy(connection, str(temporary))
        return ShrinkReport(before, home.warehouse_file.stat().st_size)


def _blocks(connection: "DuckDBPyConnection") -> tuple[int, int, int]:
    """Number of free blocks, number of all blocks, bytes per block."""
    row = connection.execute(
        "select free_blocks, total_blocks, block_size from pragma_database_size()"
        " where database_name = current_database()"
    ).fetchone()
    return (int(row[0]), int(row[1]), int(row[2])) if row else (0, 0, 0)


def _copy(connection: "DuckDBPyConnection", path: str) -> None:
    """Copy every table, ordered by time. Views are not copied: the next build creates them."""
    connection.execute(f"attach {literal(path)} as fresh")
    try:
        for (table,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = current_database() and not temporary"
        ).fetchall():
            model = models().get(table)
            order = f" order by {model.window_column}" if model and model.grain != "whole" else ""
            name = quoted(table)
            connection.execute(f"create table fresh.{name} as select * from {name}{order}")  # noqa: S608 - quoted
            counts = connection.execute(
                f"select (select count(*) from {name}), (select count(*) from fresh.{name})"  # noqa: S608 - quoted
            ).fetchone()
            if counts is None or counts[0] != counts[1]:
                raise CheckFailed(f"the copy of {table} is incomplete", "check the disk space; nothing was changed")
    finally:
        connection.execute("detach fresh")
