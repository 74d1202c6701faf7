"""Steps from each version of the ledger to the next. All that are due run in one transaction of the caller.

A step may find a part of its work done: a version that is not released yet can gain columns. Steps only add, so a
process of the same release that opened the ledger before goes on.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from sensor_platform.landing.ledger.manifest import OUTCOMES
from sensor_platform.landing.ledger.tables import NAMES, SCHEMA, STATEMENTS
from sensor_platform.landing.ledger.triggers import TRIGGERS, count_days, mark_days


@dataclass(frozen=True, slots=True)
class Step:
    """One step, to version `to` from the version before it."""

    to: int
    apply: Callable[[sqlite3.Connection], None]
    """Adds columns to the tables that are there; new tables, indices and triggers are made after it."""
    fill: Callable[[sqlite3.Connection], None]
    """Fills what is new from what was there. Not repeated."""


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether the ledger has everything that this version of the platform needs; a newer one has too."""
    names = {name for (name,) in connection.execute("select name from sqlite_master")}
    return names.issuperset(NAMES) and (stored_schema(connection) or 0) >= SCHEMA


def stored_schema(connection: sqlite3.Connection) -> int | None:
    """The version of the ledger; None where it has none yet."""
    if not connection.execute("select 1 from sqlite_master where name = 'meta'").fetchone():
        return None
    found = connection.execute("select value from meta where key = 'schema'").fetchone()
    return int(found[0]) if found else None


def migrate(connection: sqlite3.Connection) -> None:
    """Make a new ledger, or bring one of an earlier version to `SCHEMA`, in the caller's transaction."""
    stored = stored_schema(connection)
    for step in STEPS:
        if stored is not None and stored <= step.to:
            step.apply(connection)
    for statement in (*STATEMENTS.split(";"), *TRIGGERS.values()):
        connection.execute(statement)
    for step in STEPS:
        if stored is not None and stored < step.to:
            step.fill(connection)
    notes = [("schema", str(SCHEMA)), ("written_by", version("sensor-platform"))]
    connection.executemany("insert or replace into meta (key, value) values (?, ?)", notes)


_COLUMNS_OF_2 = {
    "segments": ("forgotten integer not null default 0", "arrived_hour integer"),
    "counts": ("forgotten integer not null default 0",),
    "files": ("deleting_at integer", "messages integer"),
    "arrivals": tuple(f"{name} integer not null default 0" for name in OUTCOMES),
    "late_frozen": ("committed_at integer",),
    "imports": ("mapping text not null default ''",),
}


def _add_columns_of_2(connection: sqlite3.Connection) -> None:
    for table, columns in _COLUMNS_OF_2.items():
        for column in columns:
            _add_column(connection, table, column)


def _fill_2(connection: sqlite3.Connection) -> None:
    """Sums by hour and by day, and marks of days, which triggers keep from now on."""
    sums = ", ".join(f"sum({name})" for name in OUTCOMES)
    connection.execute(
        f"insert into arrivals (hour, received, {', '.join(OUTCOMES)}) select hour, 0, {sums} from counts where true"  # noqa: S608 - constants
        f" group by hour on conflict (hour) do update set {', '.join(f'{name} = excluded.{name}' for name in OUTCOMES)}"
    )
    connection.execute(
        "update late_frozen set committed_at ="
        " (select committed_at from segments where segments.segment = late_frozen.segment)"
    )
    count_days(connection)
    mark_days(connection)


def _add_column(connection: sqlite3.Connection, table: str, declaration: str) -> None:
    """Add a column unless the table has it."""
    known = {str(row[1]) for row in connection.execute(f"pragma table_info({table})")}
    if known and declaration.split(maxsplit=1)[0] not in known:
        connection.execute(f"alter table {table} add column {declaration}")


STEPS = (Step(2, _add_columns_of_2, _fill_2),)
