"""Rows of files and their slots: added, made invisible, marked as deleted, removed. In the caller's transaction."""

import sqlite3
from collections.abc import Sequence

from msgspec.structs import asdict

from sensor_platform.kernel.clock import now_micros
from sensor_platform.landing.ledger.manifest import FileEntry


def insert_file(connection: sqlite3.Connection, segment: str, entry: FileEntry) -> None:
    """Add a file and its slots."""
    connection.execute(
        "insert into files (file, segment, kind, rows, bytes, sha256, first_event_at, last_event_at, messages)"
        " values (:file, :segment, :kind, :rows, :bytes, :sha256, :first_event_at, :last_event_at, :messages)",
        {**asdict(entry), "segment": segment},
    )
    connection.executemany(
        "insert into file_slots (slot_start, file, rows) values (?, ?, ?)",
        [(slot, entry.file, rows) for slot, rows in entry.slots.items()],
    )


def replace_files(connection: sqlite3.Connection, files: Sequence[str], replaced_at: int) -> None:
    """Make files invisible, because another file has their rows."""
    connection.executemany("update files set replaced_at = ? where file = ?", [(replaced_at, file) for file in files])


def hide_files(connection: sqlite3.Connection, segment: str, files: Sequence[str], replaced_at: int) -> None:
    """Make those of the files invisible that are visible and of this segment."""
    connection.executemany(
        "update files set replaced_at = ? where file = ? and replaced_at is null and segment = ?",
        [(replaced_at, file, segment) for file in files],
    )


def mark_deleted(connection: sqlite3.Connection, files: Sequence[str]) -> None:
    """Make files invisible that are deleted now; a file that was replaced before keeps that time."""
    now = now_micros()
    connection.executemany(
        "update files set replaced_at = coalesce(replaced_at, ?), deleting_at = ? where file = ?",
        [(now, now, file) for file in files],
    )


def delete_files(connection: sqlite3.Connection, files: Sequence[str]) -> None:
    """Remove files from the ledger that are not on disk any more."""
    rows = [(file,) for file in files]
    connection.executemany("delete from file_slots where file = ?", rows)
    connection.executemany("delete from files where file = ?", rows)
    connection.executemany("delete from verified where file = ?", rows)
