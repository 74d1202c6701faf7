"""Files that manifests name and that are not there, while a ledger is rebuilt.

Most were compacted and deleted, as a later manifest shows. There may be millions: they are kept in a temporary table
and not in memory.
"""

import sqlite3
from collections.abc import Iterable

import msgspec

from sensor_platform.home import Home
from sensor_platform.landing.integrity.damage import is_gone_on_purpose
from sensor_platform.landing.ledger.horizon import landing_floor
from sensor_platform.landing.ledger.manifest import FileEntry


class MissedFiles:
    """The files, in a temporary table of the ledger's connection."""

    def __init__(self, ledger: sqlite3.Connection, home: Home) -> None:
        self.home = home
        self.ledger = ledger
        self.floor = landing_floor(ledger)
        ledger.execute("drop table if exists temp.missed")
        ledger.execute("create temp table missed (file text primary key, segment text, entry blob) without rowid")

    def add(self, segment: str, entries: Iterable[FileEntry]) -> None:
        """Add files of a commit, but not those that were deleted on purpose."""
        self.ledger.executemany(
            "insert or replace into temp.missed (file, segment, entry) values (?, ?, ?)",
            [
                (entry.file, segment, msgspec.json.encode(entry))
                for entry in entries
                if entry.sha256 and not is_gone_on_purpose(entry, self.floor)
            ],
        )

    def has_one_of(self, files: Iterable[str]) -> bool:
        """Whether one of these is missed."""
        rows = (self.ledger.execute("select 1 from temp.missed where file = ?", (file,)).fetchone() for file in files)
        return any(rows)

    def remove(self, files: Iterable[str]) -> None:
        """Take out files whose rows another file has."""
        self.ledger.executemany("delete from temp.missed where file = ?", [(file,) for file in files])

    def lost(self) -> list[tuple[str, FileEntry]]:
        """What is left, by name: segment and file."""
        rows = self.ledger.execute("select segment, entry from temp.missed order by file").fetchall()
        return [(segment, msgspec.json.decode(entry, type=FileEntry)) for segment, entry in rows]
