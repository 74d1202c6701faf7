"""A broker whose answers a test decides, and fixtures for a real one and for TLS. A conftest imports what it needs."""

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sensor_platform.collect.brokers.local import LocalBroker, local_broker
from sensor_platform.collect.config import Broker

CONNECT, PUBLISH, PUBREL, PINGREQ, DISCONNECT = 1, 3, 6, 12, 14


@dataclass(frozen=True)
class Got:
    """A packet that a client sent, taken apart the slow and obvious way."""

    kind: int
    flags: int
    body: bytes
    connection: int

    @property
    def qos(self) -> int:
        return self.flags >> 1 & 3

    @property
    def dup(self) -> bool:
        return bool(self.flags & 8)

    @property
    def topic(self) -> str:
        return self.body[2 : 2 + int.from_bytes(self.body[:2])].decode()

    @property
    def _after_topic(self) -> bytes:
        return self.body[2 + int.from_bytes(self.body[:2]) :]

    @property
    def packet_id(self) -> int:
        return int.from_bytes(self._after_topic[:2] if self.kind == PUBLISH else self.body[:2])

    @property
    def payload(self) -> bytes:
        return self._after_topic[2:] if self.qos else self._after_topic


Answer = Callable[[Got], bytes | None]
"""What to send back; None closes the connection."""


@dataclass
class ScriptedBroker:
    """Accepts connections one after another and answers each packet as told."""

    answer: Answer
    got: list[Got] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _current: socket.socket | None = None

    def hang_up(self) -> None:
        """End the connection that is open, if one is."""
        if self._current is not None and self._current.fileno() >= 0:
            with contextlib.suppress(OSError):  # the other side may have ended it first
                self._current.shutdown(socket.SHUT_RDWR)

    @property
    def address(self) -> Broker:
        return Broker(port=self.port)

    def of_kind(self, kind: int) -> list[Got]:
        return [packet for packet in self.got if packet.kind == kind]

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self._current = connection
            with connection:
                self._talk(connection, self.connections)

    def _talk(self, connection: socket.socket, number: int) -> None:
        stream = connection.makefile("rb")
        with stream:
            while True:
                try:
                    packet = _read_packet(stream.read, number)
                except OSError:
                    return
                if packet is None:
                    return
                self.got.append(packet)
                answer = self.answer(packet)
                if answer is None:
                    return
                try:
                    connection.sendall(answer)
                except OSError:
                    return


def _read_packet(read: Callable[[int], bytes], connection: int) -> Got | None:
    head = read(1)
    if not head:
        return None
    length, shift = 0, 0
    while True:
        digit = read(1)
        if not digit:
            return None
        length |= (digit[0] & 127) << shift
        shift += 7
        if digit[0] < 128:
            break
    return Got(head[0] >> 4, head[0] & 15, read(length), connection)


@contextmanager
def scripted(answer: Answer) -> Iterator[ScriptedBroker]:
    """Run one; its port is free again afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        broker = ScriptedBroker(answer, port=listener.getsockname()[1])
        thread = threading.Thread(target=broker.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield broker
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            broker.hang_up()
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[LocalBroker]:
    with local_broker(tmp_path / "broker", kind="mosquitto") as broker:
        yield broker


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate, key) for localhost, signed by itself."""
    folder = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    argv += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(argv, check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def tls_listener(certificate: tuple[Path, Path]) -> Iterator[int]:
    """Port of a server that takes one TLS greeting and no more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def greet(listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
            with connection, context.wrap_socket(connection, server_side=True):
                pass
        except OSError:
            return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
