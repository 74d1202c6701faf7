"""The collector alone: against a null broker that costs next to nothing, beside mosquitto_sub on the same null broker.

    python benchmarks/bench_collect_null.py [--messages 500000] [--rounds 5]

The null broker sends packets made beforehand, 32,000 unacknowledged at most, and counts acknowledgements. Rate: from
its first byte to its last acknowledgement; the collector fsyncs before each, mosquitto_sub only writes to a file.
Beside it: the lander on what the collector wrote, as `sensor-platform land` with its start-up.
"""

import argparse
import json
import resource
import select
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from collect_runs import COMMAND, Consumer, collector, median, mosquitto_sub, payload  # type: ignore[import-not-found]

_WINDOW = 32_000
_PIECE = 1 << 18


class NullBroker:
    """MQTT 3.1.1 for one subscriber at QoS 1; every packet has the same size."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        packets = [_publish(b"sensors/bench", payload(number), number + 1) for number in range(_WINDOW)]
        self._size = len(packets[0])
        assert {len(packet) for packet in packets} == {self._size}
        self._ring = memoryview(b"".join(packets))

    def serve(self, messages: int) -> float:
        """Seconds from the first byte sent to the last acknowledgement."""
        peer, _ = self._server.accept()
        with peer:
            peer.settimeout(30.0)
            _greet(peer)
            peer.setblocking(False)  # noqa: FBT003 - the socket's own signature
            return self._pour(peer, messages)

    def _pour(self, peer: socket.socket, messages: int) -> float:
        total, sent, acknowledged, rest = messages * self._size, 0, 0, b""
        started = time.perf_counter()
        while acknowledged < messages:
            room = min(total, (acknowledged + _WINDOW) * self._size) - sent
            readable, writable, _ = select.select([peer], [peer] if room else [], [], 30.0)
            if not readable and not writable:
                raise TimeoutError(f"{acknowledged} of {messages} acknowledged")
            if writable:
                at = sent % len(self._ring)
                sent += peer.send(self._ring[at : at + min(room, _PIECE)])
            if readable:
                count, rest = _count_acknowledgements(rest + peer.recv(1 << 20))
                acknowledged += count
        return time.perf_counter() - started

    def close(self) -> None:
        """Stop listening."""
        self._server.close()


def _publish(topic: bytes, body: bytes, packet_id: int) -> bytes:
    rest = len(topic).to_bytes(2) + topic + packet_id.to_bytes(2) + body
    assert 128 <= len(rest) < 16384
    return bytes([0x32, len(rest) % 128 | 128, len(rest) // 128]) + rest


def _greet(peer: socket.socket) -> None:
    """CONNECT and SUBSCRIBE."""
    data = b""
    while not data or data[0] != 0x82:
        data = peer.recv(4096)
        if data[:1] == b"\x10":
            peer.sendall(b"\x20\x02\x00\x00")
    peer.sendall(b"\x90\x03" + data[2:4] + b"\x01")


def _count_acknowledgements(data: bytes) -> tuple[int, bytes]:
    """(PUBACKs in `data`, incomplete rest). Other packets are passed over."""
    whole = len(data) - len(data) % 4
    if data[0:whole:4] == b"\x40" * (whole // 4) and data[1:whole:4] == b"\x02" * (whole // 4):
        return whole // 4, data[whole:]
    count = at = 0
    while len(data) - at >= 2 and len(data) - at >= 2 + data[at + 1]:
        count += data[at] == 0x40
        at += 2 + data[at + 1]
    return count, data[at:]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rates: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    landing: list[dict[str, float]] = []
    for _ in range(options.rounds):
        for make in (_collector_311, mosquitto_sub):
            with TemporaryDirectory() as name:
                consumer, seconds, cpu_seconds = _run(make, Path(name), options.messages)
                rates.setdefault(consumer.name, []).append(options.messages / seconds)
                cpu.setdefault(consumer.name, []).append(cpu_seconds / options.messages * 1e6)
                if consumer.name == "collector" and len(landing) < 1:
                    landing.append(_land(consumer))
    ratio = [ours / theirs for ours, theirs in zip(rates["collector"], rates["mosquitto_sub"], strict=True)]
    result = {
        "benchmark": "collect_null",
        "messages": options.messages,
        "rounds": options.rounds,
        "payload_bytes": len(payload(0)),
        "messages_per_second": {name: median(values, 0) for name, values in rates.items()},
        "cpu_microseconds_per_message": {name: median(values) for name, values in cpu.items()},
        "rate_of_mosquitto_sub": {"median": median(ratio), "aim": ">= 2"},
        "lander": landing[0],
    }
    print(json.dumps(result))


def _collector_311(folder: Path, port: int) -> Consumer:
    consumer = collector(folder, port, "  protocol: '3.1.1'\n")
    assert isinstance(consumer, Consumer)
    return consumer


def _run(make: Callable[[Path, int], Consumer], folder: Path, messages: int) -> tuple[Consumer, float, float]:
    broker = NullBroker()
    consumer = make(folder / "consumer", broker.port)
    consumer.start()
    try:
        seconds = broker.serve(messages)
        cpu_seconds = consumer.cpu_seconds  # with its start-up: against us, for it is Python's
    finally:
        consumer.stop()
        broker.close()
    return consumer, seconds, cpu_seconds


def _land(consumer: Consumer) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    argv = [*COMMAND, "land"]
    out = subprocess.run(argv, env=consumer.environ, check=True, capture_output=True, text=True).stdout.split()
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    readings = int(out[out.index("readings,") - 1])
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "readings": readings,
        "readings_per_second": round(readings / seconds),
        "cpu_microseconds_per_reading": round(cpu_seconds / readings * 1e6, 2),
    }


if __name__ == "__main__":
    main()
