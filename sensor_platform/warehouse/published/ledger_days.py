"""Which days of a table that is published from the ledger have changed since they were published."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class ChangedDays:
    """Days since the epoch."""

    due: tuple[int, ...]
    """Days to write again."""
    gone: tuple[int, ...]
    """Days that have no rows any more."""


def changed_days(
    connection: "DuckDBPyConnection", name: str, held: Mapping[int, str], is_there: Callable[[int], bool]
) -> ChangedDays:
    """Compare the fingerprints of days with those that were published.

    Args:
        connection: of the warehouse.
        name: of the table.
        held: day to its fingerprint by the ledger.
        is_there: whether what was published of a day is still there.
    """
    connection.execute("create table if not exists ledger_pieces (table_name varchar, day bigint, held varchar)")
    rows = connection.execute("select day, held from ledger_pieces where table_name = ?", [name]).fetchall()
    written: dict[int, str] = dict(rows)
    due = tuple(day for day, what in held.items() if written.get(day) != what or not is_there(day))
    return ChangedDays(due, tuple(day for day in written if day not in held))


def remember_days(connection: "DuckDBPyConnection", name: str, held: Mapping[int, str], changed: ChangedDays) -> None:
    """Record that the changed days were published."""
    due, gone = list(changed.due), list(changed.gone)
    if not (due or gone):
        return
    connection.begin()
    connection.execute(
        "delete from ledger_pieces where table_name = ? and list_contains(?::bigint[], day)", [name, [*due, *gone]]
    )
    connection.execute(
        "insert into ledger_pieces select ?, unnest(?::bigint[]), unnest(?::varchar[])",
        [name, due, [held[day] for day in due]],
    )
    connection.commit()
