"""The version of the warehouse file, in the file itself.

Format 1 has no table `file_format`. What format 2 has more, tables of the state and columns of `predictions`, is added
by the functions that make those tables, so a file of format 1 is only stamped.
Files of the first two releases have no table of units: what those releases computed from units and arrival is
computed in another way since, so everything that can be built again is dirty.
"""

from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel import store_format
from sensor_platform.kernel.clock import from_micros
from sensor_platform.landing.ledger import landing_floor, read_ledger
from sensor_platform.warehouse.file import healing
from sensor_platform.warehouse.file.duckdb_sql import has_table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FORMAT = 2
_TABLE = "file_format"


def check(connection: "DuckDBPyConnection", home: Home) -> int:
    """The format of an open warehouse file; 0 of one without tables.

    Raises:
        WrongUse: a newer version of the platform wrote it.
    """
    if not has_table(connection, _TABLE):
        return int(has_table(connection, "state"))
    row = connection.execute(f"select format, written_by from {_TABLE}").fetchone()  # noqa: S608 - our own name
    found, writer = row or (1, None)
    store_format.refuse_newer(f"the warehouse {home.warehouse_file}", found, FORMAT, writer)
    return int(found)


def stamp(connection: "DuckDBPyConnection", home: Home) -> None:
    """Check the format, and write this version's where the file has an earlier one or none.

    Raises:
        WrongUse: a newer version of the platform wrote it.
    """
    found = check(connection, home)
    if found == FORMAT:
        return
    is_first = bool(found) and not has_table(connection, "unit_conversions")
    if is_first:
        healing.forget_copy(home)  # first: a crash in between leaves too much work and never too little
        _forget_state(connection, home)
    connection.execute(f"create or replace table {_TABLE} (format integer, written_by varchar)")
    connection.execute(f"insert into {_TABLE} values (?, ?)", [FORMAT, store_format.writer()])  # noqa: S608
    if is_first:
        healing.copy_state(home, connection)


def _forget_state(connection: "DuckDBPyConnection", home: Home) -> None:
    """Make every window dirty that is not below the landing floor."""
    with read_ledger(home) as ledger:
        floor = landing_floor(ledger) if ledger else None
    connection.execute("delete from state where window_start >= ?", [from_micros(floor or 0)])
