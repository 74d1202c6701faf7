"""The collector of every source: one thread, one loop. Recovers, gives turns to the source, seals, reports, ends.

What is read and when it is acknowledged is the source's part; see `collect.source`.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sensor_platform.collect.child_process import SupervisedChild
from sensor_platform.collect.collector_status import CollectorStatus, State, write_status
from sensor_platform.collect.config import Broker, CollectConfig
from sensor_platform.collect.source import OpenSource, SourceContext
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.wal import Header, WalFolders, open_wal

log = logging.getLogger(__name__)
_TICK_SECONDS = 0.25
_STATUS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class CollectorSetup:
    """What a collector is given."""

    config: CollectConfig
    home: Home
    announce: Callable[[], None]
    """Called once, when messages can arrive."""
    broker: Broker = field(default_factory=Broker)
    logins: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """User and password by source."""
    wake_fd: int = -1
    """Readable when a signal has arrived; -1 without."""
    lander: SupervisedChild | None = None


class Collector:
    """One run of a collector. The caller holds the collector's lock."""

    def __init__(self, setup: CollectorSetup, open_source: OpenSource) -> None:
        """Recover what a killed collector left, and make the source; connects to nothing yet.

        Raises:
            WrongUse: wrong settings, or a home that cannot be used.
        """
        self._setup = setup
        collector, wal = setup.config.collector, setup.home.wal
        self._status = CollectorStatus(collector=collector, pid=os.getpid(), started_at=time.time())
        try:
            self._wal = open_wal(WalFolders(open=wal, sealed=wal), collector, self._header)
            self._source = open_source(
                SourceContext(
                    config=setup.config,
                    home=setup.home,
                    wal=self._wal,
                    status=self._status,
                    announce=setup.announce,
                    broker=setup.broker,
                    logins=setup.logins,
                    wake_fd=setup.wake_fd,
                )
            )
        except OSError as error:
            raise WrongUse(
                f"the data folder {setup.home.root} cannot be used: {error}", "check its owner, its rights and the disk"
            ) from error
        self._is_stopping = False
        self._tick_at = self._status_at = 0.0

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._is_stopping = True

    def run(self) -> None:
        """Collect until `stop`; then commit, acknowledge and seal.

        Raises:
            PlatformError: the source cannot go on; see `Source.turn`.
        """
        try:
            while not self._is_stopping:
                now = time.monotonic()
                if now >= self._tick_at:
                    self._tick_at = now + _TICK_SECONDS
                    self._tick(now)
                self._source.turn()
        finally:
            self._finish()

    def _tick(self, now: float) -> None:
        self._source.tick()
        config = self._setup.config
        if self._wal.is_seal_due(config.seal_seconds, config.seal_megabytes << 20):
            self._seal()
        self._wal.mend()
        if self._setup.lander:
            self._setup.lander.tend()
        if now >= self._status_at:
            self._status_at = now + _STATUS_SECONDS
            self._report(self._source.state)

    def _finish(self) -> None:
        try:
            self._source.close()
        finally:
            self._seal()
            self._report("stopping")
            self._wal.close()

    def _seal(self) -> None:
        if self._source.prepare_seal():
            self._wal.seal()

    def _report(self, state: State) -> None:
        """Replace the status file. A full disk must not stop a collector that waits for room."""
        status, lander = self._status, self._setup.lander
        status.state, status.updated_at = state, time.time()
        status.counters.segments = self._wal.segments
        if lander:
            status.is_lander_running, status.counters.lander_starts = lander.is_running, lander.starts
        try:
            write_status(self._setup.home.wal, status)
        except OSError as error:
            log.debug("status not written: %s", error)

    def _header(self, name: str) -> Header:
        return self._source.header(name)
