"""The running collector's status file, as good as the disk allows."""

import logging
import time
from pathlib import Path

from sensor_platform.collect.collector_status import CollectorStatus, State, write_status
from sensor_platform.collect.lander_process import LanderProcess

log = logging.getLogger(__name__)


def publish_status(wal: Path, status: CollectorStatus, state: State, lander: LanderProcess | None) -> None:
    """Fill in what changes and replace the file; a full disk must not stop a collector that is waiting for room."""
    status.state, status.updated_at = state, time.time()
    if lander:
        status.is_lander_running, status.counters.lander_starts = lander.is_running, lander.starts
    try:
        write_status(wal, status)
    except OSError as error:
        log.debug("status not written: %s", error)
