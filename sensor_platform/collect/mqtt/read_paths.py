"""Two ways of reading messages off a paho client: in bulk, and as stock paho does it.

The bulk lane rests on one private name of paho, the attribute that holds its socket. `selftest` tries it at start.
"""

import struct
from typing import Literal, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties

from sensor_platform.collect.frame_encoder import FrameEncoder
from sensor_platform.collect.mqtt.packets import scan
from sensor_platform.collect.mqtt.wire import Wire
from sensor_platform.errors import Unreachable

_STOCK_READ = 1000  # messages in one turn of the stock lane: paho reads one at a time


class MalformedStream(Unreachable):
    """The broker sent bytes that are no MQTT; this connection cannot be used any further."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the broker sent a malformed packet: {reason}", "check what listens on the broker's port")


class ReadPath(Protocol):
    """How messages come in and replies go out on the client's present connection."""

    name: Literal["bulk", "stock"]
    max_qos: int

    def read(self) -> int:
        """Take what can be read now; the number of bytes (or messages, for stock) that came."""

    def reply(self, packets: bytes) -> None:
        """Send PUBACK, PUBREC and PUBCOMP packets of four bytes each."""

    def flush(self) -> None:
        """Send what the kernel did not take before."""

    @property
    def wants_write(self) -> bool:
        """True where `flush` has something to do."""

    @property
    def has_unread(self) -> bool:
        """True where bytes are at hand that select cannot see."""

    @property
    def error(self) -> OSError | None:
        """What broke the connection, where it is known."""


class BulkReadPath:
    """Reads up to 1 MiB at a time; paho sees only the packets that are its own."""

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
        """Bytes that came."""
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
            self._client.loop_read()  # paho sees the end, closes and tells on_disconnect
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
        """All at once."""
        if self._wire is not None and self._client.socket() is not None:
            self._wire.send(packets)

    def flush(self) -> None:
        """Paho's packets and ours."""
        if self._client.want_write():
            self._client.loop_write()
        if self._wire is not None:
            self._wire.flush()

    @property
    def wants_write(self) -> bool:
        """Paho's packets or ours."""
        return self._client.want_write() or (self._wire is not None and self._wire.wants_write)

    @property
    def has_unread(self) -> bool:
        """TLS may hold decrypted bytes."""
        return self._wire is not None and self._client.socket() is not None and self._wire.pending() > 0

    @property
    def error(self) -> OSError | None:
        """Of the socket."""
        return self._wire.error if self._wire else None


class PahoReadPath:
    """Paho's own reading, one message at a time, at QoS 1 at most: its QoS 2 answers before anything is written."""

    name: Literal["bulk", "stock"] = "stock"
    max_qos = 1

    def __init__(self, client: mqtt.Client, encoder: FrameEncoder, level: int) -> None:
        self._client = client
        self._encoder = encoder
        self._level = level
        self._count = 0
        client.on_message = self._on_message

    def _on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:  # noqa: ARG002
        raw = _encode_publish(message, self._level)
        self._encoder.take(raw, scan(raw, 0, self._level), self._level)
        self._count += 1

    def read(self) -> int:
        """Messages that came."""
        before = self._count
        for _ in range(_STOCK_READ):
            count = self._count
            self._client.loop_read()
            if self._count == count or self._client.socket() is None:
                break
        return self._count - before

    def reply(self, packets: bytes) -> None:
        """One by one."""
        for _, packet_id in struct.iter_unpack("!HH", packets):
            self._client.ack(packet_id, 1)

    def flush(self) -> None:
        """Paho keeps its own queue."""
        self._client.loop_write()

    @property
    def wants_write(self) -> bool:
        """Paho keeps its own queue."""
        return self._client.want_write()

    @property
    def has_unread(self) -> bool:
        """TLS may hold decrypted bytes."""
        pending = getattr(self._client.socket(), "pending", None)
        return bool(pending and pending())

    @property
    def error(self) -> OSError | None:
        """Paho does not tell."""
        return None


def _packed(properties: Properties) -> bytes:
    return bytes(properties.pack())  # type: ignore[no-untyped-call]


def _encode_publish(message: mqtt.MQTTMessage, level: int) -> bytes:
    """The packet as it was on the wire, as far as paho tells."""
    topic = message._topic  # noqa: SLF001 - the bytes; `topic` refuses what is not UTF-8
    body = struct.pack("!H", len(topic)) + topic
    if message.qos:
        body += struct.pack("!H", message.mid)
    if level == 5:
        properties = message.properties
        body += _packed(properties) if properties is not None else b"\0"
    body += message.payload
    head = bytearray([0x30 | message.dup << 3 | message.qos << 1 | message.retain])
    length = len(body)
    while True:
        length, digit = divmod(length, 128)
        head.append(digit | (128 if length else 0))
        if not length:
            return bytes(head) + body
