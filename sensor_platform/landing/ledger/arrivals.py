"""Hours and days in which anything arrived, by the collector's count. All take a connection of the ledger.

They are evidence of time that neither our clock nor a device's can add to by more than a day for each wrong day.
"""

import sqlite3

from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.kernel.days import EARLIEST


def newest_arrival(connection: sqlite3.Connection) -> int | None:
    """End of the newest hour in which anything arrived, microseconds since the epoch, UTC; None before the first."""
    found = connection.execute("select hour from arrivals where received > 0 order by hour desc limit 1").fetchone()
    return None if found is None else int(found[0]) + HOUR - 1


def first_arrival_day(connection: sqlite3.Connection) -> int | None:
    """Start of the first UTC day on which anything arrived, microseconds; None before it."""
    found = connection.execute("select hour from arrivals where received > 0 order by hour limit 1").fetchone()
    return None if found is None else int(found[0]) // DAY * DAY


def days_with_arrivals(connection: sqlite3.Connection, before: int) -> list[int]:
    """Starts of the UTC days on which anything arrived before a time, microseconds, ascending."""
    rows = connection.execute(
        "select distinct hour / 86400000000 from arrivals where received > 0 and hour < ? order by 1", (before,)
    )
    return [day * DAY for (day,) in rows]


def arrival_days(connection: sqlite3.Connection, *, after: int = EARLIEST) -> int:
    """Number of UTC days on which anything arrived in an hour that begins later than `after`."""
    (days,) = connection.execute(
        "select count(distinct hour / 86400000000) from arrivals where received > 0 and hour > ?", (after,)
    ).fetchone()
    return int(days)


def import_days(connection: sqlite3.Connection) -> frozenset[int]:
    """Starts of the UTC days on which an import was committed, microseconds."""
    rows = connection.execute("select distinct committed_at from imports join segments using (segment)")
    return frozenset(at // DAY * DAY for (at,) in rows)


def bounded_clock(connection: sqlite3.Connection, now: int) -> int:
    """The smaller of a clock and the newest arrival; the clock itself before the first arrival."""
    newest = newest_arrival(connection)
    return now if newest is None else min(now, newest)
