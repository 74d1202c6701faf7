"""Tells people of failed runs: looks for their files now and then and puts the notifications into the outbox."""

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sensor_platform.alert import store
from sensor_platform.alert.config import AlertConfig
from sensor_platform.alert.failed_runs import failed_run_notifications, pending_failed_runs
from sensor_platform.errors import PlatformError
from sensor_platform.home import Home

log = logging.getLogger(__name__)
_LOOK_SECONDS = 5.0
_NEWS_SECONDS = 24 * 3600
"""What failed longer ago is no news: nobody is called at night for last month's runs when live is started anew."""


@dataclass(slots=True)
class FailedRuns:
    """A thread of its own. A file goes only after its messages are stored, and these have the run's key: sent once."""

    home: Home
    path: Path
    """Of the store."""
    config: AlertConfig
    site: str
    clock: Callable[[], int]
    wake: Callable[[], None]
    """Called when something waits in the outbox."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="failed runs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def look(self) -> int:
        """Put out what is new; returns how many runs."""
        found = list(pending_failed_runs(self.home))
        if not found:
            return 0
        with closing(store.connect(self.path)) as connection:
            for path, failed in found:
                at = path.stat().st_mtime
                if self.clock() / 1e6 - at <= _NEWS_SECONDS:
                    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                    store.store_outgoing(
                        connection, failed_run_notifications(failed, self.config, self.site, when, self.clock())
                    )
                path.unlink(missing_ok=True)
        self.wake()
        return len(found)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            try:
                self.look()
            except (OSError, sqlite3.Error, PlatformError) as error:
                log.warning("cannot tell of failed runs now: %s", error)
