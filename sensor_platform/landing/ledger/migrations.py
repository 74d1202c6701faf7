"""Steps from each version of the ledger to the next. All that are due run in one transaction of the caller.

A step may find a part of its work done: a version that is not released yet can gain columns. Steps only add, so a
process of the same release that opened the ledger before goes on.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from sensor_platform.landing.ledger.tables import NAMES, SCHEMA, STATEMENTS


@dataclass(frozen=True, slots=True)
class Step:
    """One step, to version `to` from the version before it."""

    to: int
    apply: Callable[[sqlite3.Connection], None]


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
    for statement in STATEMENTS.split(";"):
        connection.execute(statement)
    for step in STEPS:
        if stored is not None and stored <= step.to:
            step.apply(connection)
    notes = [("schema", str(SCHEMA)), ("written_by", version("sensor-platform"))]
    connection.executemany("insert or replace into meta (key, value) values (?, ?)", notes)


def _to_2(connection: sqlite3.Connection) -> None:
    """The outcome `forgotten`; the mark of a file that is about to be deleted; the mapping of an import."""
    _add_column(connection, "segments", "forgotten integer not null default 0")
    _add_column(connection, "counts", "forgotten integer not null default 0")
    _add_column(connection, "files", "deleting_at integer")
    _add_column(connection, "imports", "mapping text not null default ''")


def _add_column(connection: sqlite3.Connection, table: str, declaration: str) -> None:
    """Add a column unless the table has it."""
    known = {str(row[1]) for row in connection.execute(f"pragma table_info({table})")}
    if declaration.split(maxsplit=1)[0] not in known:
        connection.execute(f"alter table {table} add column {declaration}")


STEPS = (Step(2, _to_2),)
