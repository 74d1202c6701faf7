"""What others ask the ledger. All take a connection of `read_ledger`; times are microseconds since the epoch, UTC."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sensor_platform.home import Home

_AT_ONCE = 500
"""Slots per statement; SQLite bounds the number of parameters."""
_NOT_FROZEN = (
    "slot_start >= coalesce((select cast(value as integer) from meta where key = 'landing_floor'), slot_start)"
    " and slot_start not in (select slot_start from held_slots)"
)


@dataclass(frozen=True, slots=True)
class LandingFile:
    """One visible landing file."""

    path: Path
    segment: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything that was ever landed."""

    segments: int
    messages: int
    landed: int
    quarantined: int
    duplicate: int
    readings: int
    rejected_readings: int
    newest_event_at: int | None
    newest_committed_at: int | None


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


def note(connection: sqlite3.Connection, key: str) -> str | None:
    """What `reopen_slots` noted under this key."""
    row = connection.execute("select value from meta where key = ?", (f"note.{key}",)).fetchone()
    return None if row is None else str(row[0])


def slots_between(connection: sqlite3.Connection, start: int, end: int) -> dict[int, int]:
    """Slots of [start, end) that were ever touched and are not frozen, with the newest position that touched them."""
    rows = connection.execute(
        f"select slot_start, position from slots where slot_start >= ? and slot_start < ? and {_NOT_FROZEN}",  # noqa: S608
        (start, end),
    )
    return dict(rows.fetchall())


def slots_after(connection: sqlite3.Connection, position: int) -> dict[int, int]:
    """Slots touched by anything newer than `position`, but for frozen ones."""
    rows = connection.execute(
        f"select slot_start, position from slots where position > ? and {_NOT_FROZEN}",  # noqa: S608 - a constant
        (position,),
    )
    return dict(rows.fetchall())


def landing_files(connection: sqlite3.Connection, home: Home, slots: Iterable[int]) -> list[LandingFile]:
    """The visible landing files with rows in any of `slots`, by name."""
    wanted = sorted(set(slots))
    found: dict[str, LandingFile] = {}
    for at in range(0, len(wanted), _AT_ONCE):
        some = wanted[at : at + _AT_ONCE]
        rows = connection.execute(
            "select distinct f.file, f.segment, f.rows, f.bytes, f.sha256 from file_slots s join files f using (file)"  # noqa: S608 - question marks only
            f" where s.slot_start in ({','.join('?' * len(some))}) and f.kind = 'landing' and f.replaced_at is null",
            some,
        )
        for file, segment, count, size, digest in rows:
            found[file] = LandingFile(home.root / file, segment, count, size, digest)
    return [found[file] for file in sorted(found)]


def landing_files_between(connection: sqlite3.Connection, home: Home, start: int, end: int) -> list[LandingFile]:
    """The visible landing files with rows in any slot of [start, end), by name."""
    return landing_files(connection, home, slots_between(connection, start, end))


def drift_since(
    connection: sqlite3.Connection, since: int, limit: int
) -> list[tuple[int, str, str | None, str, str, str]]:
    """Newest events of drift: receive time, device, metric, what, what it was and what it is."""
    return connection.execute(
        "select received_at, device_id, metric, what, was, now from drift where received_at >= ?"
        " order by received_at desc, device_id, metric limit ?",
        (since, limit),
    ).fetchall()


def quarantine_files(connection: sqlite3.Connection, home: Home) -> list[Path]:
    """The visible quarantine files, oldest first."""
    rows = connection.execute("select file from files where kind = 'quarantine' and replaced_at is null order by file")
    return [home.root / file for (file,) in rows]


def totals(connection: sqlite3.Connection) -> Totals:
    """Sums over all segments."""
    return Totals(
        *connection.execute(
            "select count(*), coalesce(sum(messages), 0), coalesce(sum(landed), 0), coalesce(sum(quarantined), 0),"
            " coalesce(sum(duplicate), 0), coalesce(sum(readings), 0), coalesce(sum(rejected_readings), 0),"
            " max(newest_event_at), max(committed_at) from segments"
        ).fetchone()
    )
