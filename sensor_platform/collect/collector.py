"""The collector: one thread, one loop. Read, commit, answer; seal, tend, report.

`Commits` decides when what was read is made durable and answered, `Uplink` keeps the connection; here they take turns.
"""

import logging
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from sensor_platform.collect.collector_status import CollectorStatus, State
from sensor_platform.collect.config import Broker, CollectConfig
from sensor_platform.collect.frame_encoder import Intake
from sensor_platform.collect.group_commit import Commits
from sensor_platform.collect.lander_process import Lander
from sensor_platform.collect.mqtt.filters import check_subscriptions
from sensor_platform.collect.mqtt.link import Link, LinkSetup
from sensor_platform.collect.mqtt.paho_client import client_id_of
from sensor_platform.collect.mqtt.read_paths import MalformedStream
from sensor_platform.collect.mqtt.reconnect import Uplink
from sensor_platform.collect.mqtt.redelivery import Recent
from sensor_platform.collect.mqtt.session_record import rebuild_recent
from sensor_platform.collect.progress import publish_status
from sensor_platform.errors import PlatformError, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import now_micros
from sensor_platform.wal import CommittedMark, Header, recover, segment_names
from sensor_platform.wal.device_messages import take_messages
from sensor_platform.wal.writer import Journal

log = logging.getLogger(__name__)
_TICK_SECONDS = 0.25
_STATUS_SECONDS = 1.0
_FLUSH_SECONDS = 2.0
_PINGREQ = b"\xc0\x00"


@dataclass(frozen=True, slots=True)
class CollectorSetup:
    """What a collector is given."""

    config: CollectConfig
    broker: Broker
    home: Home
    use_bulk_lane: bool
    announce: Callable[[], None]
    """Called once, when subscribed for the first time."""
    wake_fd: int
    """Readable when somebody (a signal) wants the loop to look up."""
    lander: Lander | None = None


class Collector:
    """Holds everything of one run. The caller holds the collector's lock."""

    def __init__(self, setup: CollectorSetup) -> None:
        """Recover what a killed collector left, and get ready; connects to nothing yet.

        Raises:
            WrongUse: wrong settings, or a home that cannot be written.
        """
        self._setup = setup
        config = setup.config
        check_subscriptions(config.subscriptions)
        link_setup = _link_setup(setup)
        self._recent, self._mark, self._journal = _recovered(setup)
        intake = Intake(self._journal, self._recent, now_micros)
        self._link = Link(link_setup, intake, self._recent)
        self._status = CollectorStatus(
            collector=config.collector,
            pid=os.getpid(),
            broker=repr(setup.broker),
            client_id=link_setup.client_id,
            lane=self._link.lane.name,
            started_at=time.time(),
            updated_at=0.0,
            counters=intake.counters,
        )
        self._intake = intake
        self._uplink = Uplink(self._link, self._status, setup.announce)
        seconds = config.commit_milliseconds / 1000
        self._commits = Commits(intake, self._journal, self._status, self._link.lane.reply, seconds)
        self._is_stopping = False
        self._tick_at = 0.0
        self._status_at = 0.0
        self._pinged_at = 0.0

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._is_stopping = True

    def run(self) -> None:
        """Collect until `stop`, then commit, answer, seal.

        Raises:
            PlatformError: at the first connection only: login, certificate, subscription or host name are wrong.
        """
        try:
            while not self._is_stopping:
                self._turn()
        finally:
            self._finish()

    def _turn(self) -> None:
        now = time.monotonic()
        if now >= self._tick_at:
            self._tick_at = now + _TICK_SECONDS
            self._tick(now)
        if self._commits.is_stalled:
            self._wait(_TICK_SECONDS, reading=False)
            self._commits.retry_when_due(time.monotonic())
        elif self._link.sock is not None:
            self._read_once(now)
        elif self._uplink.is_lost:
            self._lost()
        elif patience := self._uplink.patience(now):
            self._wait(min(_TICK_SECONDS, patience), reading=False)
        else:
            self._uplink.open()

    def _read_once(self, now: float) -> None:
        """Wait for the socket as long as a waiting commit allows, read, and commit when it is time."""
        link, window = self._link, self._commits.window
        is_readable = link.lane.has_unread or self._wait(window.patience(now), reading=True)
        if is_readable:
            pause = window.pause(time.monotonic())
            if pause:
                time.sleep(pause)
            try:
                size = link.lane.read()
            except (MalformedStream, OSError) as error:
                link.close(error if isinstance(error, PlatformError) else _broken_home(error))
                size = 0
            window.note_read(time.monotonic(), size, has_work=self._intake.has_work)
        if link.lane.wants_write:
            link.lane.flush()
        self._commits.commit_when_due(time.monotonic(), is_idle=not is_readable)
        self._uplink.note_read()

    def _wait(self, seconds: float, *, reading: bool) -> bool:
        """Select; True where the broker's socket can be read."""
        sock = self._link.sock
        readers = [self._setup.wake_fd] + ([sock] if sock is not None and reading else [])
        writers = [sock] if sock is not None and self._link.lane.wants_write else []
        ready, _, _ = select.select(readers, writers, [], seconds)
        if self._setup.wake_fd in ready:
            os.read(self._setup.wake_fd, 4096)
        return sock is not None and sock in ready

    def _lost(self) -> None:
        """The connection is gone: what was read is kept, its answers would mean nothing on the next one."""
        self._intake.drop_replies()
        self._commits.commit_rest()
        self._uplink.lost(self._link.problem)

    def _tick(self, now: float) -> None:
        """What is due a few times a second."""
        config = self._setup.config
        if self._commits.is_stalled:
            if now - self._pinged_at > config.keepalive_seconds / 3:
                self._pinged_at = now
                self._link.lane.reply(_PINGREQ)  # paho would wait for an answer that we do not read now
        elif self._link.sock is not None:
            self._uplink.tend()
        self._commits.seal_when_due(config.seal_seconds, config.seal_megabytes << 20)
        if self._setup.lander:
            self._setup.lander.tend()
        if now >= self._status_at:
            self._status_at = now + _STATUS_SECONDS
            self._report(self._state())
            self._say()

    def _say(self) -> None:
        """Publish what the lander has to say to devices."""
        if self._link.is_subscribed:
            for message in take_messages(self._setup.home.wal, self._setup.config.collector):
                self._link.say(message.topic, message.payload)

    def _state(self) -> State:
        if self._commits.is_stalled:
            return "stalled"
        return "connected" if self._link.is_subscribed else "connecting"

    def _report(self, state: State) -> None:
        self._status.session = self._recent.session
        self._status.counters.segments = self._journal.segments
        publish_status(self._setup.home.wal, self._status, state, self._setup.lander)

    def _finish(self) -> None:
        """Commit and answer what was read, say goodbye, seal."""
        self._commits.commit_rest()
        deadline = time.monotonic() + _FLUSH_SECONDS
        while self._link.sock is not None and self._link.lane.wants_write and time.monotonic() < deadline:
            self._wait(0.05, reading=False)
            self._link.lane.flush()
        if self._link.sock is not None:
            self._link.close()
        self._journal.seal()
        self._report("stopping")
        self._mark.close()


def _link_setup(setup: CollectorSetup) -> LinkSetup:
    boots = count(1)
    config = setup.config
    return LinkSetup(
        config=config,
        broker=setup.broker,
        client_id=client_id_of(config.collector, setup.home.root),
        record_path=setup.home.wal / f"{config.collector}.session",
        use_bulk_lane=setup.use_bulk_lane,
        new_session=lambda: f"{time.time_ns() // 1_000_000}-{os.getpid()}-{next(boots)}",
        clock=time.monotonic,
    )


def _recovered(setup: CollectorSetup) -> tuple[Recent, CommittedMark, Journal]:
    """What a collector before this one left: segments cut and sealed, the messages that a broker may send again."""
    config, wal = setup.config, setup.home.wal
    try:
        names = segment_names(config.collector, wal)
        for left in recover(wal):
            log.warning("recovered %s: kept %d bytes, cut %d", left.path, left.kept_bytes, left.cut_bytes)
        recent = rebuild_recent(setup.home, config.collector, config.receive_maximum)
        mark = CommittedMark(wal, config.collector)
    except OSError as error:
        raise WrongUse(
            f"the data folder {setup.home.root} cannot be used: {error}", "check its owner, its rights and the disk"
        ) from error

    def header(name: str) -> Header:
        unreleased = tuple(sorted(recent.unreleased))
        return Header(segment=name, created_at=now_micros(), session=recent.session, unreleased=unreleased)

    return recent, mark, Journal(wal, names, mark, header, time.monotonic)


def _broken_home(error: OSError) -> PlatformError:
    return WrongUse(f"the session record cannot be written: {error}", "check the data folder's rights and the disk")
