"""SQLite checkpoints of the live store, with their fsyncs, outside the engine's thread.

By default SQLite makes a checkpoint in the commit that fills the thousandth page: that would be the engine's commit,
and an alarm would wait for the disk.
"""

import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sensor_platform.alert import store

log = logging.getLogger(__name__)
EVERY_SECONDS = 5.0
_MOST_PAGES = 4_000
"""Size of the WAL (16 MB) beyond which writers wait for a complete checkpoint, so that the WAL is reused."""
_PATIENCE_MILLISECONDS = 50
"""Longest time that writers wait for it; if a reader is still active, it is done next time."""


@dataclass(slots=True)
class Checkpoints:
    """Copies committed pages from the WAL into the file. Belongs to one thread."""

    path: Path
    """File of the live store."""
    _connection: sqlite3.Connection | None = None

    def make(self) -> None:
        """Make one checkpoint; a failure is only logged."""
        if self._connection is None:
            self._connection = store.connect(self.path)
            self._connection.execute(f"pragma busy_timeout = {_PATIENCE_MILLISECONDS}")
        try:
            checkpoint(self._connection)
        except sqlite3.OperationalError as error:
            log.warning("no checkpoint of the live store now: %s", error)

    def close(self) -> None:
        """Close the connection; if it is the last one, SQLite copies the rest."""
        if self._connection is not None:
            self._connection.close()


def checkpoint(connection: sqlite3.Connection, most_pages: int = _MOST_PAGES) -> int:
    """Make one checkpoint; returns the pages that the WAL had.

    The first pass blocks nobody. If the WAL is long, a second pass with blocked writers completes it, which has little
    left to write.
    """
    _, pages, _ = connection.execute("pragma wal_checkpoint(passive)").fetchone()
    if pages > most_pages:
        connection.execute("pragma wal_checkpoint(restart)").fetchone()
    return int(pages)
