"""What the API reads from the live store: alerts, and windows that were emitted lately."""

import sqlite3
from typing import Any

_MOST_ALERTS = 1_000


def alert_rows(connection: sqlite3.Connection, state: str, device: str) -> list[dict[str, Any]]:
    """Return at most a thousand alerts, newest first, by column name.

    Args:
        connection: to the live store.
        state: `firing`, `acknowledged` or `resolved`; empty for all.
        device: id of a device; empty for all.
    """
    result = connection.execute(
        "select * from alerts where (? = '' or state = ?) and (? = '' or device_id = ?)"
        " order by noticed_at desc limit ?",
        (state, state, device, device, _MOST_ALERTS),
    )
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def closed_windows(connection: sqlite3.Connection, spec: str, since: int) -> list[bytes]:
    """Return windows as they were stored, oldest first.

    Args:
        connection: to the live store.
        spec: name of the window.
        since: microseconds since the epoch; the time at which they were emitted.
    """
    rows = connection.execute("select body from closed where at >= ? and spec = ? order by seq", (since, spec))
    return [body for (body,) in rows]
