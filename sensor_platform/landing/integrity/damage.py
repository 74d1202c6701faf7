"""Sets files aside that differ from the ledger; all other files stay in use.

Slots of a damaged file are not built again until it is restored (from a backup, or relanded from the raw archive):
a build without those rows would be wrong. The ledger is changed first and the file moved second, so that the next
verification completes a crash in between.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from sensor_platform.home import Home
from sensor_platform.kernel.clock import start_of_day, utc_from_micros
from sensor_platform.kernel.durable import sha256
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.files import paths
from sensor_platform.landing.forget.standing import mark_pending
from sensor_platform.landing.ledger.file_rows import delete_files, insert_file
from sensor_platform.landing.ledger.horizon import landing_floor
from sensor_platform.landing.ledger.manifest import FileEntry
from sensor_platform.landing.ledger.slot_positions import next_position, touch_slots

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
    if back:
        mark_pending(home, ledger)
    return back


def forget_damage(ledger: sqlite3.Connection, files: Iterable[str]) -> None:
    """Remove the records of damage of these files; within the caller's transaction."""
    rows = [(file,) for file in files]
    ledger.executemany("delete from damaged_files where file = ?", rows)
    ledger.executemany("delete from held_slots where file = ?", rows)


def is_gone_on_purpose(entry: FileEntry, floor: int | None) -> bool:
    """Whether retention has deleted a missing landing or quarantine file: all of it lies below the landing floor."""
    if floor is None:
        return False
    return max(entry.slots) < floor if entry.slots else start_of_day(date.fromisoformat(_day(entry.file))) < floor


def forget_if_gone(ledger: sqlite3.Connection, known: LedgerFile, what: str) -> bool:
    """Remove a missing file from the ledger if retention has deleted it; returns whether it has."""
    if what != MISSING or known.kind == "raw" or not is_gone_on_purpose(_entry(ledger, known), landing_floor(ledger)):
        return False
    with transaction(ledger):
        delete_files(ledger, [known.file])
    return True


def forget_expired(ledger: sqlite3.Connection, raw_keep_days: int, now: int) -> list[str]:
    """Forget missing files that were deleted on purpose, in homes of versions that did not note it; returns them.

    Args:
        ledger: open for writing.
        raw_keep_days: days that the raw archive is kept.
        now: microseconds since the epoch, UTC.
    """
    floor, first_kept = landing_floor(ledger), first_kept_day(raw_keep_days, now)
    rows = ledger.execute("select file, kind, entry from damaged_files where what = ?", (MISSING,)).fetchall()
    gone = [
        file
        for file, kind, text in rows
        if (
            is_day_before(_day(file), first_kept)
            if kind == "raw"
            else is_gone_on_purpose(msgspec.json.decode(text, type=FileEntry), floor)
        )
    ]
    if gone:
        with transaction(ledger):
            forget_damage(ledger, gone)
    return gone


def first_kept_day(keep_days: int, now: int) -> date:
    """The oldest day of arrival of which the raw archive is kept."""
    return utc_from_micros(now).date() - timedelta(days=keep_days)


def is_day_before(name: str, first_kept: date) -> bool:
    """Whether `name` is a day, as in the path of a file, and lies before another."""
    try:
        return date.fromisoformat(name) < first_kept
    except ValueError:
        return False


def _day(file: str) -> str:
    """The day in the path of a file: `landing/<yyyy-mm-dd>/...`."""
    return file.split("/")[-2]


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
