"""Questions about slots. All take a connection of `read_ledger`; times are microseconds since the epoch, UTC."""

import sqlite3
from collections.abc import Collection

CAN_CHANGE = (
    "slot_start >= coalesce((select cast(value as integer) from meta where key = 'landing_floor'), slot_start)"
    " and slot_start not in (select slot_start from held_slots)"
)
"""Condition of slots that may be built again."""

_READINGS = (
    "select sum(s.rows), s.slot_start from file_slots s join files f using (file)"
    " where f.replaced_at is null and f.kind = 'landing' and"
)
_FEW = 1000
"""Maximum number of slots that are read one by one."""


def slots_between(connection: sqlite3.Connection, start: int, end: int) -> dict[int, int]:
    """Slots of [start, end) with the newest position that touched them, without those that may not be built again."""
    rows = connection.execute(
        f"select slot_start, position from slots where slot_start >= ? and slot_start < ? and {CAN_CHANGE}",  # noqa: S608
        (start, end),
    )
    return dict(rows.fetchall())


def slots_after(connection: sqlite3.Connection, position: int) -> dict[int, int]:
    """Slots touched by anything newer than `position`, without those that may not be built again."""
    rows = connection.execute(
        f"select slot_start, position from slots where position > ? and {CAN_CHANGE}",  # noqa: S608 - a constant
        (position,),
    )
    return dict(rows.fetchall())


def touched_after(connection: sqlite3.Connection, position: int) -> dict[int, int]:
    """Slots touched by anything newer than `position`, those that may not be built again included."""
    return dict(connection.execute("select slot_start, position from slots where position > ?", (position,)).fetchall())


def touched_between(connection: sqlite3.Connection, start: int, end: int, position: int) -> dict[int, int]:
    """The same, of slots in [start, end) only."""
    rows = connection.execute(
        "select slot_start, position from slots where slot_start >= ? and slot_start < ? and position > ?",
        (start, end, position),
    )
    return dict(rows.fetchall())


def newest_slots(connection: sqlite3.Connection, limit: int) -> list[tuple[int, int]]:
    """The newest slots, newest first, with the newest position that touched each."""
    return connection.execute(
        "select slot_start, position from slots order by slot_start desc limit ?", (limit,)
    ).fetchall()


def touched_extent(connection: sqlite3.Connection) -> tuple[int, int] | None:
    """First and last slot that was ever touched; None where nothing was landed."""
    first = connection.execute("select slot_start from slots order by slot_start limit 1").fetchone()
    last = connection.execute("select slot_start from slots order by slot_start desc limit 1").fetchone()
    return None if first is None else (int(first[0]), int(last[0]))


def touched_slots(connection: sqlite3.Connection, end: int) -> list[int]:
    """Starts of the slots before `end` that were ever touched, ascending; retained or not."""
    rows = connection.execute("select slot_start from slots where slot_start < ? order by slot_start", (end,))
    return [slot for (slot,) in rows]


def touched_days(connection: sqlite3.Connection, start: int, end: int) -> list[int]:
    """Starts of the UTC days that have a touched slot in [start, end), ascending; retained or not."""
    rows = connection.execute(
        "select distinct slot_start - (slot_start % 86400000000 + 86400000000) % 86400000000 from slots"
        " where slot_start >= ? and slot_start < ? order by 1",
        (start, end),
    )
    return [day for (day,) in rows]


def readings_of_slots(connection: sqlite3.Connection, slots: Collection[int]) -> dict[int, int]:
    """Number of visible readings of each of these slots."""
    wanted = set(slots)
    if len(wanted) > _FEW:
        found = readings_by_slot(connection, min(wanted), max(wanted) + 1)
        return {slot: found.get(slot, 0) for slot in wanted}
    rows = (connection.execute(f"{_READINGS} s.slot_start = ?", (slot,)).fetchone() for slot in wanted)
    return {slot: int(row[0] or 0) for slot, row in zip(wanted, rows, strict=True)}


def readings_by_slot(connection: sqlite3.Connection, start: int, end: int) -> dict[int, int]:
    """Number of visible readings of each slot in [start, end)."""
    rows = connection.execute(
        f"{_READINGS} s.slot_start >= ? and s.slot_start < ? group by 2",
        (start, end),
    )
    return {slot: int(count) for count, slot in rows.fetchall()}
