"""Two ways to read the messages of a paho client: in bulk with our own reader, and through paho.

Reading in bulk depends on one private name of paho, the attribute that holds its socket. `selftest` checks it at start.
"""

import struct
from typing import Literal, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties

from sensor_platform.collect.mqtt.frame_encoder import FrameEncoder
from sensor_platform.collect.mqtt.packets import scan
from sensor_platform.collect.mqtt.wire import Wire
from sensor_platform.errors import Unreachable
from sensor_platform.wal.mqtt_packet import PUBLISH, encode_publish

_PAHO_READ = 1000  # messages in one turn: paho reads one at a time


class MalformedStream(Unreachable):
    """The broker sent bytes that are not MQTT; this connection cannot be used any further."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the broker sent a malformed packet: {reason}", "check what listens on the broker's port")


class ReadPath(Protocol):
    """Reads messages and sends replies on the current connection of the client."""

    name: Literal["bulk", "stock"]
    """Value of `lane` in the status file."""
    max_qos: int

    def read(self) -> int:
        """Take what can be read now; returns the number of bytes (messages, if paho reads)."""

    def reply(self, packets: bytes) -> None:
        """Send PUBACK, PUBREC and PUBCOMP packets of four bytes each."""

    def flush(self) -> None:
        """Send what the kernel has not accepted yet."""

    @property
    def wants_write(self) -> bool:
        """True where `flush` has something to do."""

    @property
    def has_unread(self) -> bool:
        """True where bytes can be read that select does not report."""

    @property
    def error(self) -> OSError | None:
        """The error that ended the connection, if it is known."""


class BulkReadPath:
    """Reads up to 1 MiB at a time; paho gets only the packets that are not messages."""

    name: Literal["bulk", "stock"] = "bulk"
    max_qos = 2

    def __init__(self, client: mqtt.Client, encoder: FrameEncoder, level: int) -> None:
        self._client = client
        self._encoder = encoder
        self._level = level
        self._wire: Wire | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._need = 0
        client.on_socket_open = self._on_open

    def _on_open(self, client: mqtt.Client, userdata: object, sock: object) -> None:  # noqa: ARG002 - paho's signature
        self._wire = Wire(sock)  # type: ignore[arg-type]  # a plain or TLS socket: we never ask for websockets
        client._sock = self._wire  # noqa: SLF001 - the private name that selftest tries
        self._parts, self._size, self._need = [], 0, 0

    def read(self) -> int:
        """Read the socket; the number of bytes."""
        wire = self._wire
        if wire is None:
            return 0
        data = wire.fill()
        if data:
            self._parts.append(data)
            self._size += len(data)
            if self._size >= self._need:
                self._take(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))
        if wire.is_at_end:
            self._client.loop_read()  # paho sees the end, closes and calls on_disconnect
        return len(data)

    def _take(self, data: bytes) -> None:
        at = 0
        while True:
            run = scan(data, at, self._level)
            if run.end > at:
                self._encoder.take(data if run.end - at == len(data) else data[at : run.end], run, self._level)
            if run.malformed:
                raise MalformedStream(run.malformed)
            if not run.is_other:
                break
            at = run.end + run.need
            assert self._wire is not None
            self._wire.offer(data[run.end : at])
            self._client.loop_read()
            if self._client.socket() is None:
                return
        rest = data[run.end :]
        self._parts, self._size, self._need = ([rest] if rest else []), len(rest), run.need

    def reply(self, packets: bytes) -> None:
        """Send all packets in one write."""
        if self._wire is not None and self._client.socket() is not None:
            self._wire.send(packets)

    def flush(self) -> None:
        """Send the packets of paho and ours."""
        if self._client.want_write():
            self._client.loop_write()
        if self._wire is not None:
            self._wire.flush()

    @property
    def wants_write(self) -> bool:
        """True where packets of paho or ours wait."""
        return self._client.want_write() or (self._wire is not None and self._wire.wants_write)

    @property
    def has_unread(self) -> bool:
        """True where TLS holds decrypted bytes."""
        return self._wire is not None and self._client.socket() is not None and self._wire.pending() > 0

    @property
    def error(self) -> OSError | None:
        """The error of the socket."""
        return self._wire.error if self._wire else None


class PahoReadPath:
    """Paho reads, one message at a time, at QoS 1 at most: paho answers QoS 2 before anything is written."""

    name: Literal["bulk", "stock"] = "stock"
    max_qos = 1

    def __init__(self, client: mqtt.Client, encoder: FrameEncoder, level: int) -> None:
        self._client = client
        self._encoder = encoder
        self._level = level
        self._count = 0
        client.on_message = self._on_message

    def _on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:  # noqa: ARG002
        raw = _encode(message, self._level)
        self._encoder.take(raw, scan(raw, 0, self._level), self._level)
        self._count += 1

    def read(self) -> int:
        """Let paho read; the number of messages."""
        before = self._count
        for _ in range(_PAHO_READ):
            count = self._count
            self._client.loop_read()
            if self._count == count or self._client.socket() is None:
                break
        return self._count - before

    def reply(self, packets: bytes) -> None:
        """Send the packets one by one."""
        for _, packet_id in struct.iter_unpack("!HH", packets):
            self._client.ack(packet_id, 1)

    def flush(self) -> None:
        """Let paho send its queue."""
        self._client.loop_write()

    @property
    def wants_write(self) -> bool:
        """True where paho has packets to send."""
        return self._client.want_write()

    @property
    def has_unread(self) -> bool:
        """True where TLS holds decrypted bytes."""
        pending = getattr(self._client.socket(), "pending", None)
        return bool(pending and pending())

    @property
    def error(self) -> OSError | None:
        """None: paho does not report it."""
        return None


def _packed(properties: Properties) -> bytes:
    return bytes(properties.pack())  # type: ignore[no-untyped-call]


def _encode(message: mqtt.MQTTMessage, level: int) -> bytes:
    """The packet as it was received, as far as paho keeps it."""
    head = PUBLISH << 4 | message.dup << 3 | message.qos << 1 | message.retain
    properties = b""
    if level == 5:
        properties = _packed(message.properties) if message.properties is not None else b"\0"
    topic = message._topic  # noqa: SLF001 - the bytes; `topic` refuses what is not UTF-8
    return encode_publish(head, topic, message.mid, message.payload, properties)
