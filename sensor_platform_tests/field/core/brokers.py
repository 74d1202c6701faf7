"""A broker that does exactly what a test wants it to do, on a socket."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensor_platform_tests.running import RunningCollector, write_site

CONNECT, PUBLISH, PUBREC, PUBCOMP, SUBSCRIBE = 0x10, 0x30, 0x50, 0x70, 0x80
_SECONDS = 20.0


@dataclass
class Peer:
    """One connection of the collector."""

    socket: socket.socket
    level: int
    rest: bytes = b""

    def read(self) -> tuple[int, bytes]:
        """The next packet: its kind, and what follows the fixed header."""
        while True:
            size = _size(self.rest)
            if size is not None and len(self.rest) >= size[0] + size[1]:
                start, length = size
                packet, self.rest = self.rest[: start + length], self.rest[start + length :]
                return packet[0] & 0xF0, packet[start:]
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the collector has closed the connection")
            self.rest += data

    def wait_for(self, *kinds: int) -> tuple[int, bytes]:
        """The next packet of these kinds; others are passed over."""
        while True:
            kind, body = self.read()
            if kind in kinds:
                return kind, body

    def grant(self, subscribe: bytes, count: int, qos: int) -> None:
        """Answer a SUBSCRIBE."""
        body = subscribe[:2] + (b"\0" if self.level == 5 else b"") + bytes([qos] * count)
        self.socket.sendall(bytes([0x90, len(body)]) + body)


class ScriptedBroker:
    """Listens on a free port."""

    def __init__(self, protocol: str) -> None:
        self.level = 5 if protocol == "5" else 4
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(_SECONDS)
        self._peers: list[Peer] = []
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"

    def accept(self, *, is_present: bool) -> tuple[Peer, str]:
        """The next connection, with the client id that it names."""
        connected, _ = self._server.accept()
        connected.settimeout(_SECONDS)
        peer = Peer(connected, self.level)
        self._peers.append(peer)
        _, body = peer.wait_for(CONNECT)
        connected.sendall(bytes([0x20, 3, is_present, 0, 0] if self.level == 5 else [0x20, 2, is_present, 0]))
        at = 10 + (1 + body[10] if self.level == 5 else 0)
        size = int.from_bytes(body[at : at + 2], "big")
        return peer, body[at + 2 : at + 2 + size].decode()

    def close(self) -> None:
        """With all connections."""
        for peer in self._peers:
            peer.socket.close()
        self._server.close()


@contextmanager
def scripted(home: Path, protocol: str, **collect: Any) -> Iterator[tuple[ScriptedBroker, RunningCollector]]:
    """A collector that connects to a scripted broker."""
    broker = ScriptedBroker(protocol)
    site = write_site(home.with_name("site"), protocol=protocol, **collect)
    collector = RunningCollector(home, broker.url, site=site)
    collector.spawn()
    try:
        yield broker, collector
    finally:
        if collector.process and collector.process.poll() is None:
            collector.kill()
        broker.close()


def _size(data: bytes) -> tuple[int, int] | None:
    """Length of the fixed header and of the rest of the packet at the start of these bytes."""
    length = 0
    for digit, byte in enumerate(data[1:5]):
        length += (byte & 127) << 7 * digit
        if byte < 128:
            return digit + 2, length
    return None
