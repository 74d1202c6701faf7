"""Drift and late readings of the ledger by UTC day, for tables that are published from the ledger.

A day's fingerprint changes whenever its rows change. `day` counts from the epoch; times are microseconds, UTC.
"""

import sqlite3


def drift_fingerprints(connection: sqlite3.Connection) -> dict[int, str]:
    """Day of arrival to the fingerprint of its drift events."""
    return _marks(connection, "drift")


def drift_rows(connection: sqlite3.Connection, start: int, end: int) -> list[tuple[object, ...]]:
    """Drift events that arrived in [start, end): received_at, device_id, metric, what, was, now, segment."""
    return connection.execute(
        "select received_at, device_id, metric, what, was, now, segment from drift"
        " where received_at >= ? and received_at < ? order by received_at, device_id, metric",
        (start, end),
    ).fetchall()


def late_fingerprints(connection: sqlite3.Connection) -> dict[int, str]:
    """Day of event time to the fingerprint of the readings that came for it after its retention."""
    return _marks(connection, "late_frozen")


def quarantine_fingerprints(connection: sqlite3.Connection) -> dict[int, str]:
    """Day of arrival to the fingerprint of its visible quarantine files."""
    return _marks(connection, "quarantine")


def late_rows(connection: sqlite3.Connection, start: int, end: int) -> list[tuple[object, ...]]:
    """Readings that came for slots of [start, end) after their retention: slot_start, rows, received_at, segment."""
    return connection.execute(
        "select slot_start, rows, committed_at, segment from late_frozen"
        " where slot_start >= ? and slot_start < ? order by slot_start, segment",
        (start, end),
    ).fetchall()


def drift_since(
    connection: sqlite3.Connection, since: int, limit: int
) -> list[tuple[int, str, str | None, str, str, str]]:
    """Newest drift events: receive time, device, metric, what changed, the old and the new value."""
    return connection.execute(
        "select received_at, device_id, metric, what, was, now from drift where received_at >= ?"
        " order by received_at desc, device_id, metric limit ?",
        (since, limit),
    ).fetchall()


def _marks(connection: sqlite3.Connection, name: str) -> dict[int, str]:
    """Marks of the days that have rows. Another generation has other marks: they are random numbers."""
    rows = connection.execute("select day, mark from day_marks where name = ? and rows <> 0", (name,))
    return {day: str(mark) for day, mark in rows}
