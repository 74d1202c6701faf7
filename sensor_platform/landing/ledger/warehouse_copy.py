"""The ledger's copy of the warehouse's state, for readers that must not open the warehouse file.

The warehouse writes it after its own commit. Times are microseconds since the epoch, UTC.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from sensor_platform.kernel.clock import DAY
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.ledger.slots import CAN_CHANGE

_REPLACED = "warehouse_state.replaced"
_SLOTS = f"select slot_start as start, position from slots where {CAN_CHANGE}"  # noqa: S608 - a constant
_WINDOWS = "select window_start as start, position from warehouse_state where model = ?"
_BEHIND = """
    select distinct due.start / 86400000000
    from (select start - start % ? as start, position from (:parent) where start >= ?) as due
    left join warehouse_state as own on own.model = ? and own.window_start = due.start
    where due.start >= ? and (own.position is null or own.position < due.position)
"""
_BEHIND_WITH_REACH = """
    select distinct due.start / 86400000000
    from (
        select start, max(position) over (order by start range between ? preceding and current row) as position
        from (select start - start % ? as start, max(position) as position from (:parent) where start >= ? group by 1)
    ) as due
    left join warehouse_state as own on own.model = ? and own.window_start = due.start
    where due.start >= ? and (own.position is null or own.position < due.position)
"""


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


def built_positions(connection: sqlite3.Connection, model: str, start: int, end: int) -> list[tuple[int, str, int]]:
    """Start, generation and position of the copied windows of a model that start in [start, end)."""
    return connection.execute(
        "select window_start, generation, position from warehouse_state"
        " where model = ? and window_start >= ? and window_start < ?",
        (model, start, end),
    ).fetchall()


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


def has_windows_of_another_ledger(connection: sqlite3.Connection, models: Iterable[str]) -> bool:
    """Whether a window of these models was built from another generation of the ledger."""
    names = list(models)
    row = connection.execute(
        f"select 1 from warehouse_state where model in ({','.join('?' * len(names))})"  # noqa: S608 - question marks only
        " and generation != (select value from meta where key = 'generation') limit 1",
        names,
    )
    return row.fetchone() is not None


def newest_built(connection: sqlite3.Connection, model: str) -> int:
    """The newest position that any window of a model was built up to, or -1."""
    row = connection.execute(
        "select coalesce(max(position), -1) from warehouse_state where model = ?", (model,)
    ).fetchone()
    return int(row[0])


def days_behind(
    connection: sqlite3.Connection, model: str, parent: str | None, size: int, reach: int, floor: int
) -> list[int]:
    """Days with a window that was never built, or that is older than a window of the parent that it depends on.

    The rows stay in the database: this costs a tenth of comparing them one by one.

    Args:
        connection: of `read_ledger`.
        model: the model whose windows are compared.
        parent: the model that they are made of; None for the slots that can be built.
        size: length of a window of the model, microseconds.
        reach: how far before its start a window depends on the parent.
        floor: windows before it do not count.
    """
    names = [] if parent is None else [parent]
    source = _SLOTS if parent is None else _WINDOWS
    numbers = [size, *names, floor]
    if reach:
        numbers = [reach, size, *names, floor - reach - size]
    rows = connection.execute(
        (_BEHIND_WITH_REACH if reach else _BEHIND).replace("(:parent)", f"({source})"), (*numbers, model, floor)
    )
    return [day * DAY for (day,) in rows]


def _insert(connection: sqlite3.Connection, rows: Iterable[StateRow]) -> None:
    connection.executemany(
        "insert or replace into warehouse_state (model, window_start, generation, position) values (?, ?, ?, ?)",
        [(row.model, row.window_start, row.generation, row.position) for row in rows],
    )
