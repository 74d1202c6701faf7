"""Notifies people of failed Dagster runs: looks for their files now and then and puts notifications into the outbox."""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sensor_platform.alert import store
from sensor_platform.alert.config import AlertConfig
from sensor_platform.alert.failed_runs import failed_run_notifications, pending_failed_runs
from sensor_platform.errors import PlatformError
from sensor_platform.home import Home

log = logging.getLogger(__name__)
EVERY_SECONDS = 5.0
_MAX_AGE_SECONDS = 24 * 3600
"""Maximum age of a failure that still notifies: a restart of live does not report the failures of last month.

What appears while this process runs is new, whatever the clock says."""


@dataclass(slots=True)
class FailedRunNotifications:
    """A file is deleted only after its notifications are stored. They have the run's key, so that each is sent once."""

    home: Home
    path: Path
    """File of the live store."""
    config: AlertConfig
    site: str
    """Name of the site."""
    clock: Callable[[], int]
    """Microseconds since the epoch."""
    wake: Callable[[], None]
    """Called when something waits in the outbox."""
    _has_looked: bool = False

    def look(self) -> int:
        """Put notifications of new failures into the outbox; returns the number of runs."""
        found = list(pending_failed_runs(self.home))
        is_new, self._has_looked = self._has_looked, True
        if not found:
            return 0
        with closing(store.connect(self.path)) as connection:
            for path, failed in found:
                at = path.stat().st_mtime
                if is_new or self.clock() / 1e6 - at <= _MAX_AGE_SECONDS:
                    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                    store.store_outgoing(
                        connection, failed_run_notifications(failed, self.config, self.site, when, self.clock())
                    )
                path.unlink(missing_ok=True)
        self.wake()
        return len(found)

    def look_and_log(self) -> None:
        """Look; a failure is only logged."""
        try:
            self.look()
        except (OSError, sqlite3.Error, PlatformError) as error:
            log.warning("cannot notify of failed runs now: %s", error)
