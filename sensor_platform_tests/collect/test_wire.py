"""The socket in front of paho: nothing sent is lost at the end, nothing unread is answered, paho gets only its own."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from sensor_platform.collect.collector_status import Counters
from sensor_platform.collect.mqtt.frame_encoder import FrameEncoder
from sensor_platform.collect.mqtt.packets import scan
from sensor_platform.collect.mqtt.redelivery import RedeliveryDetector
from sensor_platform.collect.mqtt.wire import Wire


@pytest.fixture
def pair() -> Iterator[tuple[Wire, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
    ours.setblocking(False)
    with contextlib.closing(ours), contextlib.closing(peer):
        yield Wire(ours), peer


def test_replies_arrive_although_unread_messages_wait_when_it_closes(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    peer.sendall(b"unread" * 1000)
    replies = b"\x40\x02\x00\x01" * 50_000
    received = bytearray()

    def read_slowly() -> None:
        while piece := peer.recv(4096):
            received.extend(piece)

    wire.send(replies)
    reader = threading.Timer(0.2, read_slowly)
    reader.start()
    closer = threading.Thread(target=wire.close)
    closer.start()
    reader.join()
    peer.close()
    closer.join()
    assert bytes(received) == replies


def test_paho_reads_what_it_was_offered_and_not_a_byte_more(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    peer.sendall(b"message")
    wire.offer(b"\xd0\x00")
    assert wire.recv(1) + wire.recv(10) == b"\xd0\x00"
    with pytest.raises(BlockingIOError):
        wire.recv(1)


def test_the_end_is_seen_after_the_last_bytes(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    peer.sendall(b"last")
    peer.close()
    data = b""
    while not wire.is_at_end:
        data += wire.fill()
    assert data == b"last"
    assert wire.recv(1) == b""


def test_replies_leave_in_order_with_pahos_own_packets(pair: tuple[Wire, socket.socket]) -> None:
    wire, peer = pair
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    expected = b"".join(bytes([number]) * 300_000 for number in range(5))
    for number in range(5):
        assert wire.send(bytes([number]) * 300_000) == 300_000
    received = b""
    while len(received) < len(expected):
        wire.flush()
        received += peer.recv(1 << 20)
    assert received == expected
    assert not wire.wants_write


class OneFrameWriter:
    """Takes frames; nothing of the disk matters here."""

    def __init__(self) -> None:
        self.pending_bytes = 0

    @property
    def is_empty(self) -> bool:
        return not self.pending_bytes

    def add(self, frame: bytes) -> None:
        self.pending_bytes += len(frame)

    def commit(self) -> None:
        self.pending_bytes = 0


def test_replies_of_a_lost_connection_are_never_sent_on_the_next() -> None:
    writer = OneFrameWriter()
    counters = Counters()
    encoder = FrameEncoder(writer, RedeliveryDetector(10), lambda: 0, counters)  # type: ignore[arg-type]
    packet = b"\x32\x06\x00\x01t\x00\x07x"
    encoder.take(packet, scan(packet, 0, 4), 4)
    encoder.drop_replies()
    assert encoder.has_work, "the message itself is kept"
    assert encoder.commit() == b""
    assert counters.messages == 1
