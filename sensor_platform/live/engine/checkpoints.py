"""SQLite's checkpoints of the live store, with their fsyncs, in a thread of their own.

Left to SQLite, whoever commits the thousandth page pays: that is the engine, and an alarm waits for the disk.
"""

import logging
import sqlite3
import threading
from dataclasses import dataclass, field
from pathlib import Path

from sensor_platform.alert import store

log = logging.getLogger(__name__)
_EVERY_SECONDS = 5.0
_MOST_PAGES = 4_000
"""Of the WAL (16 MB): then writers wait for the rest of a checkpoint once, so that it begins anew."""
_PATIENCE_MILLISECONDS = 50
"""Writers wait no longer for that; a reader who is still at work is let be until the next time."""


@dataclass(slots=True)
class Checkpoints:
    """Brings what was committed from the WAL into the file."""

    path: Path
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; closing the last connection brings over the rest."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _run(self) -> None:
        connection = store.connect(self.path)
        connection.execute(f"pragma busy_timeout = {_PATIENCE_MILLISECONDS}")
        try:
            while not self._stop.wait(_EVERY_SECONDS):
                try:
                    checkpoint(connection)
                except sqlite3.OperationalError as error:
                    log.warning("the live store is not tidied now: %s", error)
        finally:
            connection.close()


def checkpoint(connection: sqlite3.Connection, most_pages: int = _MOST_PAGES) -> int:
    """One checkpoint; returns the pages that the WAL had.

    The first pass holds up nobody. A WAL that is long is then finished with writers held, which leaves little to write.
    """
    _, pages, _ = connection.execute("pragma wal_checkpoint(passive)").fetchone()
    if pages > most_pages:
        connection.execute("pragma wal_checkpoint(restart)").fetchone()
    return int(pages)
