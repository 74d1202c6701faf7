"""Sets a warehouse file aside that a crash or a disk has damaged, and lets a new one be built.

The file holds nothing that landing files and published Parquet do not: it is moved to `aside/`, a new one takes its
place, and everything is dirty. The ledger's copy of the state is forgotten first, so that a crash in between leaves too
much work and never too little.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.landing.files.paths import set_aside
from sensor_platform.landing.ledger import StateRow, open_ledger, replace_state
from sensor_platform.warehouse.file.damage import is_suspected
from sensor_platform.warehouse.file.duckdb_sql import has_table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def connect(home: Home, open_file: Callable[[], "DuckDBPyConnection"]) -> "DuckDBPyConnection":
    """Open the warehouse, or as much of it as is intact. The caller holds the writer lock.

    A write-ahead log that cannot be replayed is set aside alone: the file and its state are then those of the last
    checkpoint.
    """
    import duckdb

    log = home.warehouse_file.with_name(f"{home.warehouse_file.name}.wal")
    was_killed = log.exists()
    try:
        connection = open_file()
    except duckdb.Error as error:
        if not is_suspected(str(error)):
            raise
        connection = _open_what_is_left(home, open_file, str(error))
        was_killed = True
    if was_killed:
        copy_state(home, connection)
    return connection


def put_aside(home: Home, why: str) -> None:
    """Move the file and its log to `aside/`. The next open creates a new file, and everything is dirty."""
    forget_copy(home)
    folder = home.root / "aside"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "warehouse.reason.txt").write_text(why + "\n", encoding="utf-8")
    for path in (home.warehouse_file, home.warehouse_file.with_name(f"{home.warehouse_file.name}.wal")):
        if path.exists():
            set_aside(home, path)


def _open_what_is_left(home: Home, open_file: Callable[[], "DuckDBPyConnection"], why: str) -> "DuckDBPyConnection":
    import duckdb

    log = home.warehouse_file.with_name(f"{home.warehouse_file.name}.wal")
    if log.exists():
        forget_copy(home)
        set_aside(home, log)
    try:
        return open_file()
    except duckdb.Error as error:
        if not is_suspected(str(error)):
            raise
    put_aside(home, why)
    return open_file()


def forget_copy(home: Home) -> None:
    """The ledger's copy of a state that may be no more: every day has work."""
    if home.ledger_file.exists():
        with open_ledger(home) as ledger:
            replace_state(ledger)


def copy_state(home: Home, connection: "DuckDBPyConnection") -> None:
    """After a kill the file may be older than the ledger's copy of its state: make the copy exactly what it is."""
    if not home.ledger_file.exists():
        return
    rows = (
        connection.execute("select model, epoch_us(window_start), generation, position from state").fetchall()
        if has_table(connection, "state")
        else []
    )
    with open_ledger(home) as ledger:
        replace_state(ledger, (StateRow(*row) for row in rows))
