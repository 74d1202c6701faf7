"""The source for MQTT: reads packets, commits groups of them, and acknowledges them after the fsync.

`GroupCommit` decides when what was read is committed and acknowledged, `Reconnector` keeps the connection; here they
take turns.
"""

import logging
import os
import select
import time
from dataclasses import replace
from itertools import count

import msgspec

from sensor_platform.collect.collector_status import State
from sensor_platform.collect.config import CollectConfig
from sensor_platform.collect.mqtt.broker_connection import BrokerConnection, ConnectionSetup
from sensor_platform.collect.mqtt.client_id import client_id_of
from sensor_platform.collect.mqtt.filters import check_subscriptions
from sensor_platform.collect.mqtt.frame_encoder import FrameEncoder
from sensor_platform.collect.mqtt.group_commit import GroupCommit
from sensor_platform.collect.mqtt.read_paths import MalformedStream
from sensor_platform.collect.mqtt.reconnect import Reconnector
from sensor_platform.collect.mqtt.selftest import why_no_bulk_reading
from sensor_platform.collect.mqtt.session_record import rebuild_redelivery
from sensor_platform.collect.source import SourceContext
from sensor_platform.errors import PlatformError, WrongUse
from sensor_platform.kernel.clock import now_micros
from sensor_platform.wal import Header, take_device_messages

log = logging.getLogger(__name__)
_WAIT_SECONDS = 0.25
_DEVICE_MESSAGE_SECONDS = 1.0
_FLUSH_SECONDS = 2.0
_PINGREQ = b"\xc0\x00"


class MqttSource:
    """One MQTT session."""

    def __init__(self, context: SourceContext) -> None:
        """Rebuild what is needed to recognise redeliveries; connects to nothing yet.

        Raises:
            WrongUse: subscriptions or certificate files are wrong.
            OSError: the home cannot be read.
        """
        self._context = context
        config = context.config
        check_subscriptions(config.subscriptions)
        setup = _connection_setup(context)
        self._redelivery = rebuild_redelivery(context.home, config.collector, config.receive_maximum)
        self._encoder = FrameEncoder(context.wal, self._redelivery, now_micros, context.status.counters)
        self._connection = BrokerConnection(setup, self._encoder, self._redelivery)
        context.status.broker, context.status.client_id = repr(context.broker), setup.client_id
        context.status.lane = self._connection.read_path.name
        self._reconnector = Reconnector(self._connection, context.status, context.announce)
        self._group_commit = GroupCommit(
            self._encoder,
            context.wal,
            context.status,
            self._connection.read_path.reply,
            config.commit_milliseconds / 1000,
        )
        self._before = config
        self._pinged_at = self._devices_at = 0.0

    @property
    def state(self) -> State:
        """Whether messages can arrive."""
        if self._group_commit.is_stalled:
            return "stalled"
        return "connected" if self._connection.is_subscribed else "connecting"

    def header(self, name: str) -> Header:
        """Header with the session as it is now."""
        unreleased = tuple(sorted(self._redelivery.unreleased))
        return Header(segment=name, created_at=now_micros(), session=self._redelivery.session, unreleased=unreleased)

    def turn(self) -> None:
        """Read once, or do what the state of the disk and of the connection requires.

        Raises:
            PlatformError: at the first connection only: login, certificate, subscription or host name are wrong.
        """
        now = time.monotonic()
        if self._group_commit.is_stalled:
            self._wait(_WAIT_SECONDS, reading=False)
            self._connection.note_heard()
            self._group_commit.retry_when_due(time.monotonic())
        elif self._connection.sock is not None:
            self._read_once(now)
        elif self._reconnector.is_lost:
            self._lost()
        elif patience := self._reconnector.patience(now):
            self._wait(min(_WAIT_SECONDS, patience), reading=False)
        else:
            self._reconnector.open()

    def tick(self) -> None:
        """Keep-alive, and the messages of the lander to devices."""
        now = time.monotonic()
        self._context.status.session = self._redelivery.session
        if self._group_commit.is_stalled:
            if now - self._pinged_at > self._context.config.keepalive_seconds / 3:
                self._pinged_at = now
                # paho would wait for an answer, which is not read while stalled
                self._connection.read_path.reply(_PINGREQ)
        elif self._connection.sock is not None:
            self._reconnector.tend()
        if now - self._devices_at >= _DEVICE_MESSAGE_SECONDS and self._connection.is_subscribed:
            self._devices_at = now
            for message in take_device_messages(self._context.home.wal, self._context.config.collector):
                self._connection.publish(message.topic, message.payload)

    def reconfigure(self, config: CollectConfig) -> bool:
        """Change the subscriptions on the running connection; False if anything else of the connection differs."""
        former = self._context.config
        same = msgspec.structs.replace(
            config,
            subscriptions=former.subscriptions,
            seal_seconds=former.seal_seconds,
            seal_megabytes=former.seal_megabytes,
        )
        if same != former:
            return False
        self._before, self._context = former, replace(self._context, config=config)
        self._connection.resubscribe(config)
        return True

    def reconfigured(self) -> bool | PlatformError:
        """Whether the broker has confirmed the new subscriptions; the reason if it refused one."""
        if (refusal := self._connection.refusal) is not None:
            self._context = replace(self._context, config=self._before)
            return refusal
        return self._connection.is_subscribed and not self._connection.is_changing

    def prepare_seal(self) -> bool:
        """Commit what waits. A segment may always be sealed: the redeliveries are known from sealed segments too."""
        self._group_commit.commit_rest()
        return True

    def close(self) -> None:
        """Commit and acknowledge what was read, disconnect."""
        self._group_commit.commit_rest()
        deadline = time.monotonic() + _FLUSH_SECONDS
        while self._connection.sock is not None and self._connection.read_path.wants_write:
            if time.monotonic() >= deadline:
                break
            self._wait(0.05, reading=False)
            self._connection.read_path.flush()
        if self._connection.sock is not None:
            self._connection.close()
        self._encoder.drop_replies()
        self._context.status.session = self._redelivery.session

    def _read_once(self, now: float) -> None:
        """Wait for the socket as long as a waiting commit allows, read, and commit when it is due."""
        connection, window = self._connection, self._group_commit.window
        is_readable = connection.read_path.has_unread or self._wait(window.patience(now), reading=True)
        if is_readable:
            pause = window.pause(time.monotonic())
            if pause:
                time.sleep(pause)
            try:
                size = connection.read_path.read()
            except (MalformedStream, OSError) as error:
                connection.close(error if isinstance(error, PlatformError) else _broken_home(error))
                size = 0
            window.note_read(time.monotonic(), size, has_work=self._encoder.has_work)
            if size:
                connection.note_heard()
        if connection.read_path.wants_write:
            connection.read_path.flush()
        self._group_commit.commit_when_due(time.monotonic(), is_idle=not is_readable)
        self._reconnector.note_read()

    def _wait(self, seconds: float, *, reading: bool) -> bool:
        """Select; True where the broker's socket can be read."""
        sock, wake = self._connection.sock, self._context.wake_fd
        readers = ([wake] if wake >= 0 else []) + ([sock] if sock is not None and reading else [])
        writers = [sock] if sock is not None and self._connection.read_path.wants_write else []
        ready, _, _ = select.select(readers, writers, [], seconds)
        if wake in ready:
            os.read(wake, 4096)
        return sock is not None and sock in ready

    def _lost(self) -> None:
        """After the end of a connection: messages are kept, acknowledgements are valid on their own connection only."""
        self._encoder.drop_replies()
        self._group_commit.commit_rest()
        self._reconnector.lost(self._connection.problem)


def _connection_setup(context: SourceContext) -> ConnectionSetup:
    reason = why_no_bulk_reading()
    if reason:
        log.warning("slow path: the installed paho-mqtt does not allow reading in bulk (%s); QoS 1 at most", reason)
    boots = count(1)
    config = context.config
    return ConnectionSetup(
        config=config,
        broker=context.broker,
        client_id=client_id_of(context.home.wal, config.collector),
        record_path=context.home.wal / f"{config.collector}.session",
        use_bulk_reading=reason is None,
        new_session=lambda: f"{time.time_ns() // 1_000_000}-{os.getpid()}-{next(boots)}",
        clock=time.monotonic,
    )


def _broken_home(error: OSError) -> PlatformError:
    return WrongUse(f"the session record cannot be written: {error}", "check the data folder's rights and the disk")
