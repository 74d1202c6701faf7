"""The ledger's copy of the warehouse's state, for readers that must not open the warehouse file.

The warehouse writes it after its own commit. Times are microseconds since the epoch, UTC.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from sensor_platform.kernel.sqlite import transaction

_REPLACED = "warehouse_state.replaced"


@dataclass(frozen=True, slots=True)
class StateRow:
    """One window of one warehouse model, as built: up to `position` of `generation`."""

    model: str
    window_start: int
    generation: str
    position: int


def copy_state(connection: sqlite3.Connection, rows: Iterable[StateRow]) -> None:
    """Add these windows to the copy, or replace them."""
    with transaction(connection):
        _insert(connection, rows)


def replace_state(connection: sqlite3.Connection, rows: Iterable[StateRow] = ()) -> None:
    """Make these rows the whole copy. Without rows, every window counts as not built."""
    with transaction(connection):
        connection.execute("delete from warehouse_state")
        connection.execute(
            "insert or replace into meta (key, value) values (?, cast(? as text))",
            (_REPLACED, replaced_times(connection) + 1),
        )
        _insert(connection, rows)


def replace_windows(connection: sqlite3.Connection, model: str, rows: Iterable[StateRow]) -> None:
    """Make these rows all that the copy has of a model."""
    with transaction(connection):
        connection.execute("delete from warehouse_state where model = ?", (model,))
        _insert(connection, rows)


def replaced_times(connection: sqlite3.Connection) -> int:
    """How often the whole copy was replaced: what was derived from it before is not valid any more."""
    row = connection.execute("select value from meta where key = ?", (_REPLACED,)).fetchone()
    return int(row[0]) if row else 0


def built_windows(connection: sqlite3.Connection, model: str, start: int, end: int) -> list[StateRow]:
    """The copied windows of a model that start in [start, end)."""
    rows = connection.execute(
        "select model, window_start, generation, position from warehouse_state"
        " where model = ? and window_start >= ? and window_start < ?",
        (model, start, end),
    )
    return [StateRow(*row) for row in rows]


def built_position(connection: sqlite3.Connection, model: str, window_start: int, generation: str) -> int | None:
    """The position that a window of a model was built up to; None where it was not built in this generation."""
    row = connection.execute(
        "select position from warehouse_state where model = ? and window_start = ? and generation = ?",
        (model, window_start, generation),
    ).fetchone()
    return None if row is None else int(row[0])


def newest_built_position(connection: sqlite3.Connection, model: str, start: int, end: int) -> int:
    """The newest position that any window of a model in [start, end) was built up to in this generation, or -1."""
    row = connection.execute(
        "select coalesce(max(position), -1) from warehouse_state where model = ?"
        " and generation = (select value from meta where key = 'generation')"
        " and window_start >= ? and window_start < ?",
        (model, start, end),
    ).fetchone()
    return int(row[0])


def _insert(connection: sqlite3.Connection, rows: Iterable[StateRow]) -> None:
    connection.executemany(
        "insert or replace into warehouse_state (model, window_start, generation, position) values (?, ?, ?, ?)",
        [(row.model, row.window_start, row.generation, row.position) for row in rows],
    )
