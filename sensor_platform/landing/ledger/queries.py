"""Questions about segments and positions. All take a connection of `read_ledger` or `open_ledger`.

Times are microseconds since the epoch, UTC.
"""

import sqlite3
from dataclasses import dataclass

from sensor_platform.kernel.clock import HOUR, MINUTE
from sensor_platform.kernel.days import LATEST


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over everything that was landed."""

    segments: int
    messages: int
    landed: int
    quarantined: int
    duplicate: int
    readings: int
    rejected_readings: int
    newest_event_at: int | None
    newest_committed_at: int | None
    forgotten: int = 0


@dataclass(frozen=True, slots=True)
class KnownFile:
    """One imported file."""

    sha256: str
    segment: str
    """Name of its import."""
    name: str
    rows: int
    first_position: int
    """Position of its first row among all rows of the import."""
    mapping: str
    """Version of the mapping; empty for an import by an earlier version of the platform."""
    imported_at: int
    contract_version: str


def generation(connection: sqlite3.Connection) -> str:
    """Positions can be compared only within one generation."""
    return str(connection.execute("select value from meta where key = 'generation'").fetchone()[0])


def newest_position(connection: sqlite3.Connection) -> int:
    """Position of the newest commit, 0 where nothing was landed."""
    return int(connection.execute("select coalesce(max(position), 0) from segments").fetchone()[0])


def newest_touch(connection: sqlite3.Connection) -> int:
    """The newest position of all: of a commit, or of slots that were reopened without one."""
    row = connection.execute("select coalesce(max(position), 0) from slots").fetchone()
    return max(int(row[0]), newest_position(connection))


def next_commit_time(connection: sqlite3.Connection, now: int) -> int:
    """`now`, or a little later: after every commit before, because a rebuilt ledger orders the manifests by it."""
    return max(now, _newest_commit(connection) + 1)


def note(connection: sqlite3.Connection, key: str) -> str | None:
    """The note that `reopen_slots` left under this key."""
    row = connection.execute("select value from meta where key = ?", (f"note.{key}",)).fetchone()
    return None if row is None else str(row[0])


def imported(connection: sqlite3.Connection) -> list[KnownFile]:
    """Every imported file, oldest first."""
    rows = connection.execute(
        "select source, segment, name, rows, first_position, mapping, committed_at, contract_version"
        " from imports join segments using (segment)"
        " order by position, first_position"
    )
    return [KnownFile(*row) for row in rows]


def is_free(connection: sqlite3.Connection, segment: str) -> bool:
    """Whether no commit and no file, visible or replaced, is of this segment."""
    found = connection.execute(
        "select 1 from segments where segment = ? union all select 1 from files where segment = ?", (segment, segment)
    )
    return found.fetchone() is None


def newest_event(connection: sqlite3.Connection, segments: int, now: int = LATEST) -> int | None:
    """Newest event time of the newest segments, none later than its arrival; None without a reading in them.

    A segment whose event time and arrival are both some minutes later than `now` is of a clock that was wrong, and left
    out.

    Args:
        connection: of the ledger.
        segments: how many segments to look at, newest first.
        now: microseconds since the epoch, UTC.
    """
    row = connection.execute(
        "select max(at) from (select min(newest_event_at, committed_at, coalesce(arrived_hour, committed_at) + ?) as at"
        " from segments order by position desc limit ?) where at <= ?",
        (HOUR - 1, segments, min(now + 2 * MINUTE, LATEST)),
    ).fetchone()
    return None if row[0] is None else min(int(row[0]), now)


def totals(connection: sqlite3.Connection) -> Totals:
    """Sums over all segments that were ever landed."""
    return Totals(
        *connection.execute(
            "select coalesce(sum(segments), 0), coalesce(sum(messages), 0), coalesce(sum(landed), 0),"
            " coalesce(sum(quarantined), 0), coalesce(sum(duplicate), 0), coalesce(sum(readings), 0),"
            " coalesce(sum(rejected_readings), 0), max(newest_event_at), (select committed_at from segments order by"
            " committed_at desc limit 1), coalesce(sum(forgotten), 0) from commit_days"
        ).fetchone()
    )


def _newest_commit(connection: sqlite3.Connection) -> int:
    """Time of the newest commit: commits have ascending times and positions. 0 where nothing was landed."""
    found = connection.execute("select committed_at from segments order by committed_at desc limit 1").fetchone()
    return int(found[0]) if found else 0
