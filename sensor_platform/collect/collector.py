"""The collector: one thread, one loop. Read, commit, answer; seal, tend, report.

Order that nothing may change: frames are fsynced, then answered. A disk that fails stops the reading, not the
collector; only a wrong configuration ends it.
"""

import logging
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from sensor_platform.collect.config import Broker, CollectConfig
from sensor_platform.collect.intake import Intake
from sensor_platform.collect.journal import Journal
from sensor_platform.collect.lander import Lander
from sensor_platform.collect.mqtt.client import UnknownHost, client_id_of
from sensor_platform.collect.mqtt.filters import check_subscriptions
from sensor_platform.collect.mqtt.lanes import MalformedStream
from sensor_platform.collect.mqtt.link import Link, LinkSetup
from sensor_platform.collect.mqtt.session import rebuild_recent
from sensor_platform.collect.pauses import Backoff, CommitWindow
from sensor_platform.collect.report import publish_status
from sensor_platform.collect.status import CollectorStatus, State
from sensor_platform.errors import PlatformError, WrongUse
from sensor_platform.home import Home
from sensor_platform.landing.outbox import take_messages
from sensor_platform.landing.segments import CommittedMark, Header, recover, segment_names

log = logging.getLogger(__name__)
_TICK_SECONDS = 0.25
_STATUS_SECONDS = 1.0
_FLUSH_SECONDS = 2.0
_MAX_PENDING_BYTES = 4 << 20
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
        config, wal = setup.config, setup.home.wal
        check_subscriptions(config.subscriptions)
        client_id = client_id_of(config.collector, setup.home.root)
        try:
            names = segment_names(config.collector, wal)
            for left in recover(wal):
                log.warning("recovered %s: kept %d bytes, cut %d", left.path, left.kept_bytes, left.cut_bytes)
            self._recent = rebuild_recent(setup.home, config.collector, config.receive_maximum)
            self._mark = CommittedMark(wal, config.collector)
        except OSError as error:
            raise WrongUse(
                f"the data folder {setup.home.root} cannot be used: {error}", "check its owner, its rights and the disk"
            ) from error
        self._journal = Journal(wal, names, self._mark, self._new_header, time.monotonic)
        self._intake = Intake(self._journal, self._recent, _now_us)
        self._link = Link(self._link_setup(client_id), self._intake, self._recent)
        self._window = CommitWindow(config.commit_milliseconds / 1000)
        self._backoff = Backoff()
        self._status = CollectorStatus(
            collector=config.collector,
            pid=os.getpid(),
            broker=repr(setup.broker),
            client_id=client_id,
            lane=self._link.lane.name,
            started_at=time.time(),
            updated_at=0.0,
            counters=self._intake.counters,
        )
        self._is_stopping = False
        self._is_announced = False
        self._is_up = False  # a connection was opened and its end has not been dealt with
        self._stall: Backoff | None = None
        self._retry_at = 0.0
        self._connect_at = 0.0
        self._tick_at = 0.0
        self._status_at = 0.0
        self._pinged_at = 0.0

    def _link_setup(self, client_id: str) -> LinkSetup:
        boots = count(1)
        config = self._setup.config
        return LinkSetup(
            config=config,
            broker=self._setup.broker,
            client_id=client_id,
            record_path=self._setup.home.wal / f"{config.collector}.session",
            use_bulk_lane=self._setup.use_bulk_lane,
            new_session=lambda: f"{time.time_ns() // 1_000_000}-{os.getpid()}-{next(boots)}",
            clock=time.monotonic,
        )

    def _new_header(self, name: str) -> Header:
        recent = self._recent
        return Header(
            segment=name, created_at=_now_us(), session=recent.session, unreleased=tuple(sorted(recent.unreleased))
        )

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
        if self._stall is not None:
            self._wait(_TICK_SECONDS, reading=False)
            if time.monotonic() >= self._retry_at:
                self._commit()
            return
        if self._link.sock is not None:
            self._read_once(now)
        elif self._is_up:
            self._lost(self._link.problem)
        else:
            self._connect_when_due(now)

    def _read_once(self, now: float) -> None:
        """Wait for the socket as long as a waiting commit allows, read, and commit when it is time."""
        link = self._link
        is_readable = link.lane.has_unread or self._wait(self._window.patience(now), reading=True)
        if is_readable:
            pause = self._window.pause(time.monotonic())
            if pause:
                time.sleep(pause)
            try:
                size = link.lane.read()
            except (MalformedStream, OSError) as error:
                link.close(error if isinstance(error, PlatformError) else _broken_home(error))
                size = 0
            self._window.note_read(time.monotonic(), size, has_work=self._intake.has_work)
        if link.lane.wants_write:
            link.lane.flush()
        is_full = self._journal.pending_bytes >= _MAX_PENDING_BYTES
        if self._intake.has_work and (is_full or not is_readable or self._window.is_due(time.monotonic())):
            self._commit()
        if link.is_subscribed and not self._is_announced:
            self._is_announced = True
            self._setup.announce()
        elif link.problem is not None and link.sock is not None and not link.is_subscribed:
            link.close()

    def _wait(self, seconds: float, *, reading: bool) -> bool:
        """Select; True where the broker's socket can be read."""
        sock = self._link.sock
        readers = [self._setup.wake_fd] + ([sock] if sock is not None and reading else [])
        writers = [sock] if sock is not None and self._link.lane.wants_write else []
        ready, _, _ = select.select(readers, writers, [], seconds)
        if self._setup.wake_fd in ready:
            os.read(self._setup.wake_fd, 4096)
        return sock is not None and sock in ready

    def _commit(self) -> None:
        started = time.monotonic()
        try:
            replies = self._intake.commit()
        except OSError as error:
            self._stalled(error)
            return
        self._window.note_commit(time.monotonic() - started)
        if replies:
            self._link.lane.reply(replies)
        if self._stall is not None:
            log.warning("writing works again; reading goes on")
            self._stall = None

    def _stalled(self, error: OSError) -> None:
        if self._stall is None:
            self._stall = Backoff(longest=5.0)
            self._status.counters.stalls += 1
            log.error("cannot write to %s: %s; reading stopped, nothing acknowledged", self._setup.home.wal, error)
        self._status.problem = f"cannot write: {error}"
        self._retry_at = time.monotonic() + self._stall.next()

    def _connect_when_due(self, now: float) -> None:
        if now < self._connect_at:
            self._wait(min(_TICK_SECONDS, self._connect_at - now), reading=False)
            return
        try:
            self._link.open()
            self._is_up = True
            self._status.counters.connects += 1
        except PlatformError as error:
            self._lost(error)

    def _lost(self, problem: PlatformError | None) -> None:
        """Deal with a lost or refused connection; raise what cannot heal, else come again later."""
        self._is_up = False
        self._intake.drop_replies()
        if self._intake.has_work:
            self._commit()
        link = self._link
        if problem and not link.was_ever_connected and isinstance(problem, WrongUse | UnknownHost):
            raise problem
        if problem and not self._is_announced and isinstance(problem, WrongUse):
            raise problem
        pause = self._backoff.next()
        self._connect_at = time.monotonic() + pause
        if link.was_ever_connected:
            self._status.counters.disconnects += 1
        text = problem.message if problem else "the connection was lost"
        if self._status.problem != text:
            log.warning("%s; trying again in %.1f s", text, pause)
        self._status.problem = text

    def _tick(self, now: float) -> None:
        """What is due a few times a second."""
        link, journal, config = self._link, self._journal, self._setup.config
        if self._stall is not None:
            if now - self._pinged_at > config.keepalive_seconds / 3:
                self._pinged_at = now
                link.lane.reply(_PINGREQ)  # paho would wait for an answer that we do not read now
        elif link.sock is not None:
            link.tend()
            if link.is_subscribed:
                self._backoff.reset()
                self._status.problem = None
        if journal.age >= config.seal_seconds or journal.size >= config.seal_megabytes << 20:
            if self._intake.has_work:
                self._commit()
            journal.seal()
        journal.mend()
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
        if self._stall is not None:
            return "stalled"
        return "connected" if self._link.is_subscribed else "connecting"

    def _report(self, state: State) -> None:
        self._status.session = self._recent.session
        self._status.counters.segments = self._journal.segments
        publish_status(self._setup.home.wal, self._status, state, self._setup.lander)

    def _finish(self) -> None:
        """Commit and answer what was read, say goodbye, seal."""
        if self._intake.has_work:
            self._commit()
        deadline = time.monotonic() + _FLUSH_SECONDS
        while self._link.sock is not None and self._link.lane.wants_write and time.monotonic() < deadline:
            self._wait(0.05, reading=False)
            self._link.lane.flush()
        if self._link.sock is not None:
            self._link.close()
        self._journal.seal()
        self._report("stopping")
        self._mark.close()


def _broken_home(error: OSError) -> PlatformError:
    return WrongUse(f"the session record cannot be written: {error}", "check the data folder's rights and the disk")


def _now_us() -> int:
    return time.time_ns() // 1000
