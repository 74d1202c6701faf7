"""Positions: which commit changed a slot last. `slots` reads them."""

import sqlite3
from collections.abc import Iterable, Mapping

from sensor_platform.kernel.sqlite import transaction


def next_position(connection: sqlite3.Connection) -> int:
    """The next free position; only inside a write transaction."""
    newest = connection.execute(
        "select max(coalesce((select max(position) from segments), 0), coalesce((select max(position) from slots), 0))"
    )
    return int(newest.fetchone()[0]) + 1


def touch_slots(connection: sqlite3.Connection, slots: Iterable[int], position: int) -> None:
    """Record that a position changed slots."""
    connection.executemany(
        "insert or replace into slots (slot_start, position) values (?, ?)", [(slot, position) for slot in slots]
    )


def reopen_slots(connection: sqlite3.Connection, slots: Iterable[int], notes: Mapping[str, str]) -> int:
    """Touch slots with a new position although nothing was landed, and store notes, in one transaction.

    This is for changes of the past other than readings, such as a row of the catalog. Returns the newest position.
    """
    with transaction(connection):
        found = set(slots)
        if found:
            touch_slots(connection, found, next_position(connection))
        connection.executemany(
            "insert or replace into meta (key, value) values (?, ?)",
            [(f"note.{key}", value) for key, value in notes.items()],
        )
        return next_position(connection) - 1
