"""A published table whose columns change: its files are written again, and readers see all of them meanwhile.

Until the last file has the new columns, the view matches them by name: a file that lacks one reads as null.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.landing.ledger import landing_floor, read_ledger
from sensor_platform.warehouse.lineage import Model
from sensor_platform.warehouse.published import partition_files
from sensor_platform.warehouse.published.views import COLUMNS_FILE, MIXED, read_columns

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def begin(home: Home, table: str) -> None:
    """Mark a table whose columns are about to change, if it has files. Views over such a table cost a little more."""
    folder = home.published / table
    if any(path != folder / COLUMNS_FILE for path in folder.glob("day=*/*.parquet")):
        write_file(folder / MIXED, b"")


def finish(home: Home, connection: "DuckDBPyConnection", published: Sequence[Model], slot: int) -> bool:
    """Write again what no build makes again, and remove the mark of tables whose files all have the new columns.

    Days below the landing floor have no state: their rows were restored, and nothing else would ever write their files.

    Args:
        home: the data folder.
        connection: the open warehouse, in which the tables have the new columns.
        published: the published copies, after they were brought up to date.
        slot: length of a slot in microseconds.

    Returns:
        Whether a mark was removed, so that views are to be written again.
    """
    with read_ledger(home) as ledger:
        floor = landing_floor(ledger) if ledger else None
    done = False
    for model in published:
        folder = home.published / model.parents[0]
        if not (folder / MIXED).exists():
            continue
        restored, is_complete = _restored(connection, folder, floor)
        for batch in partition_files.batches(restored, {}, 1):
            partition_files.write_files(connection, home.published, model, slot, batch)
        if is_complete:
            (folder / MIXED).unlink()
            done = True
    return done


def _restored(connection: "DuckDBPyConnection", folder: Path, floor: int | None) -> tuple[list[int], bool]:
    """Files below the floor with earlier columns, and whether no other file has them. The newest are read first."""
    wanted, restored = read_columns(connection, folder / COLUMNS_FILE), []
    for path in sorted(folder.glob("day=*/*.parquet"), reverse=True):
        if path != folder / COLUMNS_FILE and read_columns(connection, path) != wanted:
            start = partition_files.start_of(path)
            if floor is None or start >= floor:
                return [], False
            restored.append(start)
    return restored, True
