"""Questions about the files that the ledger makes visible. All take a connection of `read_ledger`."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sensor_platform.home import Home

_AT_ONCE = 500
"""Slots per statement; SQLite bounds the number of parameters."""


@dataclass(frozen=True, slots=True)
class LandingFile:
    """One visible landing file, or compacted quarantine file."""

    path: Path
    segment: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class VisibleFile:
    """One visible file of any kind. `file` is relative to home."""

    file: str
    kind: str
    rows: int
    bytes: int


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


def landing_paths(connection: sqlite3.Connection, home: Home) -> list[Path]:
    """Every visible landing file, by name."""
    return _paths(connection, home, "landing")


def quarantine_files(connection: sqlite3.Connection, home: Home) -> list[Path]:
    """The visible quarantine files, oldest first."""
    return _paths(connection, home, "quarantine")


def newest_rejects(connection: sqlite3.Connection, home: Home, most_files: int, most_rows: int) -> list[Path]:
    """The newest visible quarantine files by day of arrival, until a number of files or of rows is reached."""
    rows = connection.execute(
        "select file, rows from files where kind = 'quarantine' and replaced_at is null order by file desc limit ?",
        (most_files,),
    )
    found: list[Path] = []
    total = 0
    for file, count in rows:
        total += count
        if found and total > most_rows:
            break
        found.append(home.root / file)
    return found


def quarantine_files_of(connection: sqlite3.Connection, home: Home, day: str) -> list[Path]:
    """The visible quarantine files of one day of arrival (`2026-03-01`), by name."""
    rows = connection.execute(
        "select file from files where kind = 'quarantine' and replaced_at is null and file > ? and file < ?"
        " order by file",
        (f"quarantine/{day}/", f"quarantine/{day}0"),
    )
    return [home.root / file for (file,) in rows]


def compacted_rejects(connection: sqlite3.Connection, home: Home, day: str) -> list[LandingFile]:
    """The visible quarantine files of one day of arrival that compaction made, by name."""
    rows = connection.execute(
        "select file, segment, rows, bytes, sha256 from files where kind = 'quarantine' and replaced_at is null"
        " and file > ? and file < ? order by file",
        (f"quarantine/{day}/compact-", f"quarantine/{day}/compact."),
    )
    return [LandingFile(home.root / file, *rest) for file, *rest in rows]


def quarantine_counts(connection: sqlite3.Connection, home: Home) -> tuple[int, int, list[Path]]:
    """Rows of the visible quarantine files, whole messages among them, and the files in which these are not counted."""
    rows, messages = connection.execute(
        "select coalesce(sum(rows), 0), coalesce(sum(messages), 0) from files"
        " where kind = 'quarantine' and replaced_at is null"
    ).fetchone()
    uncounted = connection.execute(
        "select file from files where kind = 'quarantine' and replaced_at is null and messages is null order by file"
    )
    return rows, messages, [home.root / file for (file,) in uncounted]


def raw_files_since(connection: sqlite3.Connection, home: Home, since: int) -> list[Path]:
    """Archived segments that were committed at `since` (microseconds since the epoch, UTC) or later, by position."""
    rows = connection.execute(
        "select file from files join segments using (segment) where kind = 'raw' and replaced_at is null"
        " and committed_at >= ? order by position",
        (since,),
    )
    return [home.root / file for (file,) in rows]


def landing_bytes(connection: sqlite3.Connection, start: int, end: int) -> int:
    """Size of the visible landing files with rows in any slot of [start, end)."""
    row = connection.execute(
        "select coalesce(sum(bytes), 0) from files where kind = 'landing' and replaced_at is null and file in"
        " (select file from file_slots where slot_start >= ? and slot_start < ?)",
        (start, end),
    ).fetchone()
    return int(row[0])


def first_slots(connection: sqlite3.Connection, start: int, end: int) -> list[tuple[str, int]]:
    """Visible landing files with rows in [start, end), relative to home, with the first such slot of each."""
    return connection.execute(
        "select s.file, min(s.slot_start) from file_slots s join files f using (file)"
        " where f.kind = 'landing' and f.replaced_at is null and s.slot_start >= ? and s.slot_start < ?"
        " group by s.file",
        (start, end),
    ).fetchall()


def last_file_of_days(connection: sqlite3.Connection) -> dict[int, str]:
    """Start of each day of event time to the visible landing file with the greatest name that has rows of it."""
    rows = connection.execute(
        "select s.slot_start / 86400000000 * 86400000000, max(s.file) from file_slots s join files f using (file)"
        " where f.kind = 'landing' and f.replaced_at is null group by 1"
    )
    return dict(rows.fetchall())


def files_wholly_before(connection: sqlite3.Connection, before: int) -> list[VisibleFile]:
    """Visible landing files without rows in slots from `before` on, and all visible quarantine files; by name."""
    rows = connection.execute(
        "select f.file, f.kind, f.rows, f.bytes from files f where f.replaced_at is null and ("
        " f.kind = 'landing' and not exists (select 1 from file_slots s where s.file = f.file and s.slot_start >= ?)"
        " or f.kind = 'quarantine') order by f.file",
        (before,),
    )
    return [VisibleFile(*row) for row in rows]


def is_known(connection: sqlite3.Connection, file: str) -> bool:
    """Whether the ledger has the file (relative to home), visible or replaced."""
    return connection.execute("select 1 from files where file = ?", (file,)).fetchone() is not None


def is_visible(connection: sqlite3.Connection, file: str) -> bool:
    """Whether the ledger has the file (relative to home) and nothing has replaced it."""
    found = connection.execute("select 1 from files where file = ? and replaced_at is null", (file,))
    return found.fetchone() is not None


def _paths(connection: sqlite3.Connection, home: Home, kind: str) -> list[Path]:
    rows = connection.execute("select file from files where kind = ? and replaced_at is null order by file", (kind,))
    return [home.root / file for (file,) in rows]
