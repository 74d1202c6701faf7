"""The collector: one thread, one loop. Read, commit, answer; seal, tend, report.

`GroupCommit` decides when what was read is made durable and acknowledged, `Reconnector` keeps the connection.
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
from sensor_platform.collect.frame_encoder import FrameEncoder
from sensor_platform.collect.group_commit import GroupCommit
from sensor_platform.collect.lander_process import LanderProcess
from sensor_platform.collect.mqtt.broker_connection import BrokerConnection, ConnectionSetup
from sensor_platform.collect.mqtt.filters import check_subscriptions
from sensor_platform.collect.mqtt.paho_client import client_id_of
from sensor_platform.collect.mqtt.read_paths import MalformedStream
from sensor_platform.collect.mqtt.reconnect import Reconnector
from sensor_platform.collect.mqtt.redelivery import RedeliveryDetector
from sensor_platform.collect.mqtt.session_record import rebuild_redelivery
from sensor_platform.collect.progress import publish_status
from sensor_platform.errors import PlatformError, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import now_micros
from sensor_platform.wal import CommittedOffsetFile, Header, recover_segments, segment_names
from sensor_platform.wal.device_messages import take_device_messages
from sensor_platform.wal.writer import WalWriter

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
    lander: LanderProcess | None = None


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
        self._redelivery, self._mark, self._writer = _recovered(setup)
        encoder = FrameEncoder(self._writer, self._redelivery, now_micros)
        self._connection = BrokerConnection(link_setup, encoder, self._redelivery)
        self._status = CollectorStatus(
            collector=config.collector,
            pid=os.getpid(),
            broker=repr(setup.broker),
            client_id=link_setup.client_id,
            lane=self._connection.lane.name,
            started_at=time.time(),
            updated_at=0.0,
            counters=encoder.counters,
        )
        self._encoder = encoder
        self._reconnector = Reconnector(self._connection, self._status, setup.announce)
        seconds = config.commit_milliseconds / 1000
        self._group_commit = GroupCommit(encoder, self._writer, self._status, self._connection.lane.reply, seconds)
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
        if self._group_commit.is_stalled:
            self._wait(_TICK_SECONDS, reading=False)
            self._group_commit.retry_when_due(time.monotonic())
        elif self._connection.sock is not None:
            self._read_once(now)
        elif self._reconnector.is_lost:
            self._lost()
        elif patience := self._reconnector.patience(now):
            self._wait(min(_TICK_SECONDS, patience), reading=False)
        else:
            self._reconnector.open()

    def _read_once(self, now: float) -> None:
        """Wait for the socket as long as a waiting commit allows, read, and commit when it is time."""
        connection, window = self._connection, self._group_commit.window
        is_readable = connection.lane.has_unread or self._wait(window.patience(now), reading=True)
        if is_readable:
            pause = window.pause(time.monotonic())
            if pause:
                time.sleep(pause)
            try:
                size = connection.lane.read()
            except (MalformedStream, OSError) as error:
                connection.close(error if isinstance(error, PlatformError) else _broken_home(error))
                size = 0
            window.note_read(time.monotonic(), size, has_work=self._encoder.has_work)
        if connection.lane.wants_write:
            connection.lane.flush()
        self._group_commit.commit_when_due(time.monotonic(), is_idle=not is_readable)
        self._reconnector.note_read()

    def _wait(self, seconds: float, *, reading: bool) -> bool:
        """Select; True where the broker's socket can be read."""
        sock = self._connection.sock
        readers = [self._setup.wake_fd] + ([sock] if sock is not None and reading else [])
        writers = [sock] if sock is not None and self._connection.lane.wants_write else []
        ready, _, _ = select.select(readers, writers, [], seconds)
        if self._setup.wake_fd in ready:
            os.read(self._setup.wake_fd, 4096)
        return sock is not None and sock in ready

    def _lost(self) -> None:
        """The connection is gone: what was read is kept, its answers would mean nothing on the next one."""
        self._encoder.drop_replies()
        self._group_commit.commit_rest()
        self._reconnector.lost(self._connection.problem)

    def _tick(self, now: float) -> None:
        """What is due a few times a second."""
        config = self._setup.config
        if self._group_commit.is_stalled:
            if now - self._pinged_at > config.keepalive_seconds / 3:
                self._pinged_at = now
                self._connection.lane.reply(_PINGREQ)  # paho would wait for an answer that we do not read now
        elif self._connection.sock is not None:
            self._reconnector.tend()
        self._group_commit.seal_when_due(config.seal_seconds, config.seal_megabytes << 20)
        if self._setup.lander:
            self._setup.lander.tend()
        if now >= self._status_at:
            self._status_at = now + _STATUS_SECONDS
            self._report(self._state())
            self._say()

    def _say(self) -> None:
        """Publish what the lander has to say to devices."""
        if self._connection.is_subscribed:
            for message in take_device_messages(self._setup.home.wal, self._setup.config.collector):
                self._connection.say(message.topic, message.payload)

    def _state(self) -> State:
        if self._group_commit.is_stalled:
            return "stalled"
        return "connected" if self._connection.is_subscribed else "connecting"

    def _report(self, state: State) -> None:
        self._status.session = self._redelivery.session
        self._status.counters.segments = self._writer.segments
        publish_status(self._setup.home.wal, self._status, state, self._setup.lander)

    def _finish(self) -> None:
        """Commit and answer what was read, say goodbye, seal."""
        self._group_commit.commit_rest()
        deadline = time.monotonic() + _FLUSH_SECONDS
        while self._connection.sock is not None and self._connection.lane.wants_write and time.monotonic() < deadline:
            self._wait(0.05, reading=False)
            self._connection.lane.flush()
        if self._connection.sock is not None:
            self._connection.close()
        self._writer.seal()
        self._report("stopping")
        self._mark.close()


def _link_setup(setup: CollectorSetup) -> ConnectionSetup:
    boots = count(1)
    config = setup.config
    return ConnectionSetup(
        config=config,
        broker=setup.broker,
        client_id=client_id_of(config.collector, setup.home.root),
        record_path=setup.home.wal / f"{config.collector}.session",
        use_bulk_lane=setup.use_bulk_lane,
        new_session=lambda: f"{time.time_ns() // 1_000_000}-{os.getpid()}-{next(boots)}",
        clock=time.monotonic,
    )


def _recovered(setup: CollectorSetup) -> tuple[RedeliveryDetector, CommittedOffsetFile, WalWriter]:
    """What a collector before this one left: segments cut and sealed, the messages that a broker may send again."""
    config, wal = setup.config, setup.home.wal
    try:
        names = segment_names(config.collector, wal)
        for left in recover_segments(wal):
            log.warning("recovered %s: kept %d bytes, cut %d", left.path, left.kept_bytes, left.cut_bytes)
        redelivery = rebuild_redelivery(setup.home, config.collector, config.receive_maximum)
        mark = CommittedOffsetFile(wal, config.collector)
    except OSError as error:
        raise WrongUse(
            f"the data folder {setup.home.root} cannot be used: {error}", "check its owner, its rights and the disk"
        ) from error

    def header(name: str) -> Header:
        unreleased = tuple(sorted(redelivery.unreleased))
        return Header(segment=name, created_at=now_micros(), session=redelivery.session, unreleased=unreleased)

    return redelivery, mark, WalWriter(wal, names, mark, header, time.monotonic)


def _broken_home(error: OSError) -> PlatformError:
    return WrongUse(f"the session record cannot be written: {error}", "check the data folder's rights and the disk")
