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
from sensor_platform.collect.source import OpenSource, Source, SourceContext, choose_source
from sensor_platform.collect.source_change import SourceChange
from sensor_platform.errors import PlatformError, Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.versions.reports import Reloading
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
    reloading: Reloading[CollectConfig] | None = None
    """How the settings are followed; None if they stay."""


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
        self._is_announced = False
        self._open_source = open_source
        try:
            self._wal = open_wal(WalFolders(open=wal, sealed=wal), collector, self._header)
            source = open_source(self._context(setup.config))
        except OSError as error:
            raise WrongUse(
                f"the data folder {setup.home.root} cannot be used: {error}", "check its owner, its rights and the disk"
            ) from error
        self._change = SourceChange(source, setup.config, self._open_another, setup.reloading, self._reach_border)
        self._is_stopping = False
        self._tick_at = self._status_at = 0.0

    @property
    def _source(self) -> Source:
        return self._change.source

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
                try:
                    self._source.turn()
                except PlatformError as error:
                    self._change.go_back(error)
        finally:
            self._finish()

    def _tick(self, now: float) -> None:
        self._source.tick()
        self._change.tend()
        config = self._change.config
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

    def _reach_border(self) -> bool:
        """Leave no message that is not in a sealed segment; False if that is not possible now."""
        if not self._source.prepare_seal() and self._wal.name:
            return False
        return not self._wal.pending_bytes and self._wal.seal() is None

    def _context(self, config: CollectConfig) -> SourceContext:
        setup = self._setup
        return SourceContext(
            config=config,
            home=setup.home,
            wal=self._wal,
            status=self._status,
            announce=self._announce,
            broker=setup.broker,
            logins=setup.logins,
            wake_fd=setup.wake_fd,
        )

    def _open_another(self, config: CollectConfig) -> Source:
        """A source for changed settings: another kind of source than before, where they ask for it.

        Raises:
            PlatformError: it cannot work by these settings.
        """
        open_source = self._open_source if config == self._setup.config else choose_source(config)
        try:
            return open_source(self._context(config))
        except OSError as error:
            raise Unreachable(f"the data folder cannot be read: {error}", "check its rights and the disk") from error

    def _announce(self) -> None:
        if not self._is_announced:
            self._is_announced = True
            self._setup.announce()

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
