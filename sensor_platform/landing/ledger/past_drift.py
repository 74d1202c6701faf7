"""Bounds the ledger's table `drift`: by days of arrival, and by rows, of which the days with the newest ones stay."""

import sqlite3

from sensor_platform.kernel.clock import DAY
from sensor_platform.kernel.sqlite import transaction

MOST_ROWS = 2_000_000
"""Some 300 MB. A segment adds 10,000 at most: a device that changes its types in each message would fill the disk."""


def due_drift(
    connection: sqlite3.Connection, keep_days: int, today: int, most_rows: int = MOST_ROWS
) -> list[tuple[int, int]]:
    """Days of arrival whose drift is not kept, as days since the epoch, each with its number of rows.

    Args:
        connection: of the ledger.
        keep_days: days that are kept; 0 for all that `most_rows` allows.
        today: day of the retention clock, microseconds since the epoch, UTC.
        most_rows: the oldest days go until at most this number of rows is left; the newest day always stays.
    """
    days: list[tuple[int, int]] = connection.execute(
        "select day, rows from day_marks where name = 'drift' and rows > 0 order by day"
    ).fetchall()
    first = today // DAY - keep_days if keep_days else 0
    total = sum(rows for day, rows in days if day >= first)
    for day, rows in days[:-1]:
        if total <= most_rows:
            break
        if day >= first:
            first, total = day + 1, total - rows
    return [(day, rows) for day, rows in days if day < first]


def forget_past_drift(connection: sqlite3.Connection, keep_days: int, today: int, most_rows: int = MOST_ROWS) -> int:
    """Delete what `due_drift` lists, with the same arguments; returns the number of rows."""
    gone = due_drift(connection, keep_days, today, most_rows)
    for day, _ in gone:
        with transaction(connection):
            span = (day * DAY, (day + 1) * DAY)
            connection.execute("delete from drift where received_at >= ? and received_at < ?", span)
    return sum(rows for _, rows in gone)
