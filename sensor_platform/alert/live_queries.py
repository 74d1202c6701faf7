"""Queries of the live store: alerts, acknowledgements, and windows that were emitted lately."""

import sqlite3
from typing import Any

import msgspec

from sensor_platform.stream.alert_state import Event

_MOST_ALERTS = 1_000


def alert_rows(
    connection: sqlite3.Connection, state: str, device: str, limit: int = _MOST_ALERTS
) -> list[dict[str, Any]]:
    """Return alerts, newest first, by column name.

    Args:
        connection: to the live store.
        state: `firing`, `acknowledged` or `resolved`; empty for all.
        device: id of a device; empty for all.
        limit: maximum number of alerts.
    """
    return _by_name(
        connection.execute(
            "select * from alerts where (? = '' or state = ?) and (? = '' or device_id = ?)"
            " order by noticed_at desc limit ?",
            (state, state, device, device, limit),
        )
    )


def alerts_with_prefix(connection: sqlite3.Connection, prefix: str) -> list[dict[str, Any]]:
    """Return at most two alerts whose id begins with a text, by column name; none for an empty text."""
    return _by_name(
        connection.execute(
            "select * from alerts where substr(alert_id, 1, ?) = nullif(?, '') limit 2", (len(prefix), prefix)
        )
    )


def acknowledgements(connection: sqlite3.Connection) -> dict[str, Event]:
    """Return the first acknowledgement of each alert, by alert id."""
    rows = connection.execute("select body from events where kind = 'acknowledged' order by noticed_at desc")
    events = [msgspec.json.decode(body, type=Event) for (body,) in rows]
    return {event.alert_id: event for event in events}


def closed_windows(connection: sqlite3.Connection, spec: str, since: int, until: int) -> list[bytes]:
    """Return windows as they were stored, oldest first.

    Args:
        connection: to the live store.
        spec: name of the window.
        since: microseconds since the epoch; the time at which they were emitted.
        until: a later time of emission is of a clock that was ahead.
    """
    rows = connection.execute(
        "select body from closed where at >= ? and at <= ? and spec = ? order by seq", (since, until, spec)
    )
    return [body for (body,) in rows]


def _by_name(result: sqlite3.Cursor) -> list[dict[str, Any]]:
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
