"""Sets files aside that differ from the ledger; all other files stay in use.

Slots of a damaged file are not built again until it is restored (from a backup, or relanded from the raw archive):
a build without those rows would be wrong. The ledger is changed first and the file moved second, so that the next
verification completes a crash in between.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from sensor_platform.home import Home
from sensor_platform.kernel.durable import sha256
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.files import paths
from sensor_platform.landing.ledger.commit import delete_files, insert_file, next_position, touch_slots
from sensor_platform.landing.ledger.manifest import FileEntry

MISSING = "is missing"


class DamagedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file that differs from the ledger."""

    file: str
    """Path relative to home."""
    segment: str
    kind: Literal["landing", "quarantine", "raw"]
    rows: int
    what: str
    """What is wrong with it."""
    aside: str = ""
    """Present path relative to home; empty if the file does not exist."""


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """A file as recorded in the ledger."""

    file: str
    segment: str
    kind: Literal["landing", "quarantine", "raw"]
    rows: int
    bytes: int
    sha256: str


def damage_of(path: Path, known: LedgerFile) -> str | None:
    """How a file differs from the ledger; None if it does not."""
    try:
        size = path.stat().st_size
        if size != known.bytes:
            return f"has {size} bytes, the ledger has {known.bytes}"
        return None if sha256(path) == known.sha256 else "its content has changed (SHA-256)"
    except FileNotFoundError:
        return MISSING
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def put_aside(home: Home, ledger: sqlite3.Connection, known: LedgerFile, what: str, now: int) -> DamagedFile:
    """Take a damaged file out of use: readers do not see it any more, and its slots are not built again."""
    entry = _entry(ledger, known)
    path = home.root / known.file
    target = str((paths.aside(home) / path.name).relative_to(home.root)) if path.exists() else ""
    damaged = DamagedFile(
        file=known.file, segment=known.segment, kind=known.kind, rows=known.rows, what=what, aside=target
    )
    with transaction(ledger):
        delete_files(ledger, [known.file])
        insert_missed(ledger, known.segment, entry, what, now, target)
    if path.exists():
        where = str(paths.set_aside(home, path).relative_to(home.root))
        with transaction(ledger):
            ledger.execute("update damaged_files set aside = ? where file = ?", (where, known.file))
        damaged = msgspec.structs.replace(damaged, aside=where)
    return damaged


def insert_missed(
    ledger: sqlite3.Connection, segment: str, entry: FileEntry, what: str, now: int, aside: str = ""
) -> None:
    """Record that a file is missed, and that its slots may not be built; within the caller's transaction.

    Args:
        ledger: open for writing.
        segment: of the file.
        entry: the file as the ledger knew it.
        what: what is wrong with it.
        now: microseconds since the epoch, UTC.
        aside: where the file is now, relative to home; empty where it is nowhere.
    """
    ledger.execute(
        "insert or replace into damaged_files (file, segment, kind, rows, found_at, what, aside, entry)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        (entry.file, segment, entry.kind, entry.rows, now, what, aside, msgspec.json.encode(entry).decode()),
    )
    ledger.executemany(
        "insert or ignore into held_slots (slot_start, file) values (?, ?)",
        [(slot, entry.file) for slot in entry.slots],
    )


def damaged_files(ledger: sqlite3.Connection) -> list[DamagedFile]:
    """Files that were set aside and not restored, by name."""
    rows = ledger.execute("select file, segment, kind, rows, what, aside from damaged_files order by file")
    return [
        DamagedFile(file=file, segment=segment, kind=kind, rows=count, what=what, aside=where)
        for file, segment, kind, count, what, where in rows
    ]


def restore_files(home: Home, ledger: sqlite3.Connection) -> list[str]:
    """Put files into use again that were restored intact to their place; returns their names."""
    back: list[str] = []
    for file, segment, kind, text in ledger.execute("select file, segment, kind, entry from damaged_files").fetchall():
        entry = msgspec.json.decode(text, type=FileEntry)
        known = LedgerFile(file, segment, kind, entry.rows, entry.bytes, entry.sha256)
        path = home.root / file
        if not path.exists():
            continue
        if damage_of(path, known) is not None:
            paths.set_aside(home, path)
            continue
        with transaction(ledger):
            insert_file(ledger, segment, entry)
            touch_slots(ledger, entry.slots, next_position(ledger))
            forget_damage(ledger, [file])
        back.append(file)
    return back


def forget_damage(ledger: sqlite3.Connection, files: Iterable[str]) -> None:
    """Remove the records of damage of these files; within the caller's transaction."""
    rows = [(file,) for file in files]
    ledger.executemany("delete from damaged_files where file = ?", rows)
    ledger.executemany("delete from held_slots where file = ?", rows)


def _entry(ledger: sqlite3.Connection, known: LedgerFile) -> FileEntry:
    first, last = ledger.execute(
        "select first_event_at, last_event_at from files where file = ?", (known.file,)
    ).fetchone()
    slots = dict(ledger.execute("select slot_start, rows from file_slots where file = ?", (known.file,)).fetchall())
    return FileEntry(
        file=known.file,
        kind=known.kind,
        rows=known.rows,
        bytes=known.bytes,
        sha256=known.sha256,
        first_event_at=first,
        last_event_at=last,
        slots=slots,
    )
