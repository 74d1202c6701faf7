"""A publishing MQTT client for replay and simulation: counts acknowledgements, survives restarts of the broker.

One thread, no callbacks: packets are collected in a buffer, sent in large pieces, and acknowledgements are parsed in
bulk. It does not use paho because at 20,000 messages a second the publish path of paho alone fills a core, and the load
generator usually runs on the machine under test.
"""

import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from types import TracebackType
from typing import Self

from sensor_platform.collect.config import Broker
from sensor_platform.devices import publisher_wire as wire
from sensor_platform.devices.publisher_socket import BrokerSocket
from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.wal.mqtt_packet import MAX_REMAINING_LENGTH

_SEND_AT_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class PublisherOptions:
    """Options of a publisher."""

    qos: int = 1
    window: int = 2000
    """Maximum number of unacknowledged messages, at most 65,535; publishing waits when it is reached."""
    give_up_seconds: float = 60.0
    """How long a lost broker is tried before Unreachable is raised."""
    keepalive_seconds: float = 60.0
    """A broker that is silent for 1.5 times this interval counts as lost."""


class Publisher:
    """Publishes in order. At QoS 1 and 2 a message is kept until it is acknowledged, across reconnects.

    `sent` counts messages, not transmissions; `acknowledged` counts PUBACK (QoS 1) and PUBCOMP (QoS 2), and stays 0 at
    QoS 0. The session at the broker is removed on close.
    """

    def __init__(self, broker: Broker, options: PublisherOptions | None = None) -> None:
        self._broker = broker
        self._options = options or PublisherOptions()
        self._client_id = f"publisher-{secrets.token_hex(6)}"
        self._unacknowledged: dict[int, bytes] = {}  # in the order of sending, which a repetition must keep
        self._released: set[int] = set()  # QoS 2: PUBREC arrived, PUBCOMP did not
        self._last_id = 0
        self._out = bytearray()
        self._in = bytearray()
        self._heard_at = self._pinged_at = 0.0
        self.sent = 0
        self.acknowledged = 0
        self.reconnects = 0
        self._socket = self._connect(clean_session=self._options.qos == 0)

    def publish(self, topic: str, payload: bytes) -> None:
        """Queue one message; blocks while the window is full.

        Raises:
            WrongUse: topic or payload is longer than MQTT can carry.
            Unreachable: the broker was lost and could not be reached again.
        """
        name, qos = topic.encode(), self._options.qos
        if len(name) > wire.MAX_TOPIC_BYTES or len(name) + len(payload) + 4 > MAX_REMAINING_LENGTH:
            raise WrongUse(f"a message of {len(payload)} bytes on {topic[:60]!r} does not fit MQTT", "split it")
        packet_id = self._next_id() if qos else 0
        packet = wire.publish_packet(name, payload, qos=qos, packet_id=packet_id)
        if qos:
            self._unacknowledged[packet_id] = packet
        self._out += packet
        self.sent += 1
        if len(self._out) >= _SEND_AT_BYTES:
            self._exchange(0.0)
        if qos and len(self._unacknowledged) >= self._options.window:
            # Wait for half of it: then packets are sent in large pieces, not one per acknowledgement.
            self._until(lambda: len(self._unacknowledged) <= self._options.window // 2)
        elif len(self._out) >= 16 * _SEND_AT_BYTES:
            self._until(lambda: len(self._out) < _SEND_AT_BYTES)

    def pump(self, seconds: float) -> None:
        """Send queued messages and read acknowledgements, for `seconds`."""
        end = time.monotonic() + seconds
        self._exchange(0.0)
        while (left := end - time.monotonic()) > 0:
            self._exchange(left)

    def drain(self, seconds: float = 60.0) -> bool:
        """Wait until everything is sent and acknowledged; False when that took longer than `seconds`."""
        return self._until(lambda: not self._out and not self._unacknowledged, seconds)

    def close(self) -> None:
        """Send queued messages, disconnect and remove the session; does not wait for acknowledgements (see `drain`)."""
        with contextlib.suppress(Unreachable):
            self._disconnect(self._socket)
            if self._options.qos:
                self._disconnect(self._connect(clean_session=True))
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next_id(self) -> int:
        while True:
            self._last_id = self._last_id % 65535 + 1
            if self._last_id not in self._unacknowledged:
                return self._last_id

    def _until(self, done: Callable[[], bool], seconds: float = float("inf")) -> bool:
        end = time.monotonic() + seconds
        while not done():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._exchange(min(left, 1.0))
        return True

    def _exchange(self, wait_seconds: float) -> None:
        """Send, wait, receive once. Only here a lost connection is replaced."""
        try:
            self._socket.send_some(self._out)
            if wait_seconds > 0:
                longest = min(1.0, self._options.keepalive_seconds / 4)
                self._socket.wait(min(wait_seconds, longest), writing=bool(self._out))
            if data := self._socket.receive_some():
                self._heard_at = time.monotonic()
                self._in += data
                self._take_acknowledgements()
            self._stay_alive()
        except ConnectionError as error:
            self._reconnect(error)

    def _take_acknowledgements(self) -> None:
        try:
            for kind, packet_id in wire.take_packets(self._in):
                if kind == wire.PUBREC:
                    self._released.add(packet_id)
                    self._out += wire.pubrel_packet(packet_id)
                elif kind in (wire.PUBACK, wire.PUBCOMP) and self._unacknowledged.pop(packet_id, None) is not None:
                    self._released.discard(packet_id)
                    self.acknowledged += 1
        except ValueError as error:
            raise ConnectionError(f"the broker sent something that is not MQTT: {error}") from error

    def _stay_alive(self) -> None:
        now = time.monotonic()
        if now - self._heard_at > 1.5 * self._options.keepalive_seconds:
            raise ConnectionError(f"the broker has been silent for {now - self._heard_at:.0f} s")
        if now - max(self._heard_at, self._pinged_at) > self._options.keepalive_seconds / 2:
            self._pinged_at = now
            self._out += wire.PINGREQ

    def _reconnect(self, error: ConnectionError) -> None:
        self._socket.close()
        end = time.monotonic() + self._options.give_up_seconds
        pause = 0.1
        while True:
            try:
                self._socket = self._connect(clean_session=self._options.qos == 0)
            except Unreachable:
                if time.monotonic() + pause > end:
                    raise Unreachable(
                        f"lost the broker at {self._broker!r}: {error}",
                        f"{len(self._unacknowledged)} messages were not acknowledged; publish them again",
                    ) from error
                time.sleep(pause)
                pause = min(2 * pause, 5.0)
            else:
                self.reconnects += 1
                return

    def _connect(self, *, clean_session: bool) -> BrokerSocket:
        connection = BrokerSocket(self._broker)
        try:
            session_present = self._greet(connection, clean_session=clean_session)
        except BaseException:
            connection.close()
            raise
        self._heard_at = self._pinged_at = time.monotonic()
        self._in.clear()
        self._out = self._resend(session_present=session_present)
        return connection

    def _greet(self, connection: BrokerSocket, *, clean_session: bool) -> bool:
        """Send CONNECT and read CONNACK; returns whether the broker still has the session."""
        login = {"username": self._broker.username, "password": self._broker.password}
        out = bytearray(
            wire.connect_packet(
                self._client_id,
                clean_session=clean_session,
                keepalive_seconds=ceil(self._options.keepalive_seconds),
                **login,
            )
        )
        answer = bytearray()
        end = time.monotonic() + 10.0
        with contextlib.suppress(ConnectionError):
            while len(answer) < 4 and time.monotonic() < end:
                connection.send_some(out)
                connection.wait(0.5, writing=bool(out))
                answer += connection.receive_some()
        if len(answer) < 4 or answer[0] != wire.CONNACK:
            raise Unreachable(f"{self._broker!r} does not answer as an MQTT broker", "check host and port")
        if answer[3]:
            reason = wire.REFUSALS.get(answer[3], f"return code {answer[3]}")
            if answer[3] == 3:
                raise Unreachable(f"the broker at {self._broker!r} refused: {reason}", "try again later")
            raise WrongUse(f"the broker at {self._broker!r} refused: {reason}", "correct SENSOR_PLATFORM_BROKER_URL")
        return bool(answer[2] & 1)

    def _resend(self, *, session_present: bool) -> bytearray:
        """Packets to repeat on a new connection. Without a session the broker has also forgotten the QoS 2 state."""
        if not session_present:
            self._released.clear()
            return bytearray(b"".join(self._unacknowledged.values()))
        return bytearray(
            b"".join(
                wire.pubrel_packet(packet_id) if packet_id in self._released else wire.as_redelivery(packet)
                for packet_id, packet in self._unacknowledged.items()
            )
        )

    def _disconnect(self, connection: BrokerSocket) -> None:
        """Send DISCONNECT, then read until the broker closes: closing with unread bytes would discard sent packets."""
        rest = (self._out if connection is self._socket else bytearray()) + wire.DISCONNECT
        end = time.monotonic() + 3.0
        with contextlib.closing(connection), contextlib.suppress(ConnectionError):
            while time.monotonic() < end:
                connection.send_some(rest)
                connection.wait(0.5, writing=bool(rest))
                connection.receive_some()
