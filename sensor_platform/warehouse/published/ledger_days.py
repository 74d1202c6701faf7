"""Which days of a table that is published from the ledger have changed since they were published."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


_WAITING = " waiting"
"""Follows the fingerprint of a day of which emptied files wait for their deletion."""


@dataclass(frozen=True, slots=True)
class ChangedDays:
    """Days since the epoch."""

    due: tuple[int, ...]
    """Days to look at again: they changed, or emptied files of them can be deleted now."""
    gone: tuple[int, ...]
    """Days that have no rows any more."""


def changed_days(
    connection: "DuckDBPyConnection",
    name: str,
    held: Mapping[int, str],
    is_there: Callable[[int], bool],
    is_over: Callable[[int], bool] = lambda day: True,  # noqa: ARG005
) -> ChangedDays:
    """Compare the fingerprints of days with those that were published.

    Args:
        connection: of the warehouse.
        name: of the table.
        held: day to its fingerprint by the ledger.
        is_there: whether what was published of a day is still there.
        is_over: whether the wait for the deletion of emptied files of a day is over.
    """
    connection.execute("create table if not exists ledger_pieces (table_name varchar, day bigint, held varchar)")
    rows = connection.execute("select day, held from ledger_pieces where table_name = ?", [name]).fetchall()
    written: dict[int, str] = dict(rows)
    waiting = {day for day, what in written.items() if what.endswith(_WAITING)}
    over = {day for day in waiting if is_over(day)}
    due = tuple(
        day
        for day, what in held.items()
        if written.get(day, "").removesuffix(_WAITING) != what or not is_there(day) or day in over
    )
    return ChangedDays(due, tuple(day for day in written if day not in held and (day not in waiting or day in over)))


def remember_days(
    connection: "DuckDBPyConnection",
    name: str,
    held: Mapping[int, str],
    changed: ChangedDays,
    waiting: Collection[int] = (),
) -> None:
    """Record that the changed days were published; `waiting` are those of which emptied files are left."""
    due, gone = list(changed.due), list(changed.gone)
    if not (due or gone):
        return
    connection.begin()
    connection.execute(
        "delete from ledger_pieces where table_name = ? and list_contains(?::bigint[], day)", [name, [*due, *gone]]
    )
    kept = [*due, *(day for day in gone if day in waiting)]
    marks = [held.get(day, "") + (_WAITING if day in waiting else "") for day in kept]
    connection.execute(
        "insert into ledger_pieces select ?, unnest(?::bigint[]), unnest(?::varchar[])", [name, kept, marks]
    )
    connection.commit()
