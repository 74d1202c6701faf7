"""From publish to fsync at 10,000 messages a second through mosquitto, and the collector's memory.

    python benchmarks/bench_collect_latency.py [--rate 10000] [--seconds 10] [--rounds 5]

Each payload carries the time at which it was handed to the publisher's socket buffer. This process polls the
collector's committed offset about every half millisecond and notes when each offset was first seen as fsynced.
Afterwards it reads from the segments which messages lie before which offset. So the figure includes publisher, broker,
collector, fsync and up to one poll.
"""

import argparse
import bisect
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from collect_runs import collector, median  # type: ignore[import-not-found]

from sensor_platform.collect.brokers.local import local_broker
from sensor_platform.wal import read_batches, read_committed_offset

_POLL_SECONDS = 0.0005
_PUBLISH = """
import sys, time
from sensor_platform.collect.config import Broker
from sensor_platform.devices.publisher import Publisher, PublisherOptions
port, rate, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
body = b',"device_id":"d1","temperature":21.53,"humidity":50.12,"pressure":1013.25,"vibration":0.25}'
with Publisher(Broker(port=port), PublisherOptions(window=30000)) as publisher:
    started = time.monotonic()
    number = 0
    while (now := time.monotonic()) < started + seconds:
        due = int((now - started) * rate)
        while number < due:
            publisher.publish("sensors/d1", b'{"sent":%d' % time.monotonic_ns() + body)
            number += 1
        publisher.pump(0.001)
    assert publisher.drain()
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rounds = [one_round(options.rate, options.seconds) for _ in range(options.rounds)]
    result = {
        "benchmark": "collect_latency",
        "rate": options.rate,
        "rounds": options.rounds,
        "messages": median([r["messages"] for r in rounds], 0),
        "p50_milliseconds": {"median": median([r["p50"] for r in rounds]), "aim": "< 10"},
        "p99_milliseconds": {"median": median([r["p99"] for r in rounds]), "aim": "< 20"},
        "p999_milliseconds": {"median": median([r["p999"] for r in rounds])},
        "of_that_read_to_fsync_milliseconds": {
            "p50": median([r["inside_p50"] for r in rounds]),
            "p99": median([r["inside_p99"] for r in rounds]),
        },
        "fsync_alone_p50_milliseconds": median([r["fsync"] for r in rounds]),
        "cpu_microseconds_per_message": median([r["cpu"] for r in rounds]),
        "resident_megabytes": {"median": median([r["rss"] for r in rounds], 0), "aim": "< 100"},
    }
    print(json.dumps(result))


def one_round(rate: float, seconds: float) -> dict[str, float]:
    """Latencies in milliseconds, CPU in microseconds a message, memory in megabytes."""
    with TemporaryDirectory() as name, local_broker(Path(name) / "broker", kind="mosquitto") as broker:
        port = int(broker.url.rpartition(":")[2])
        consumer = collector(Path(name) / "home", port)
        consumer.start(is_ready_printed=True)
        try:
            cpu = consumer.cpu_seconds
            publisher = subprocess.Popen([sys.executable, "-c", _PUBLISH, str(port), str(rate), str(seconds)])
            seen = _watch(consumer.folder / "wal", publisher)
            cpu, rss = consumer.cpu_seconds - cpu, consumer.rss_megabytes
        finally:
            consumer.stop()
        latencies, inside = _latencies(consumer.folder / "wal", seen)
        return {
            "messages": len(latencies),
            "p50": latencies[len(latencies) // 2],
            "p99": latencies[len(latencies) * 99 // 100],
            "p999": latencies[len(latencies) * 999 // 1000],
            "inside_p50": inside[len(inside) // 2],
            "inside_p99": inside[len(inside) * 99 // 100],
            "cpu": cpu / len(latencies) * 1e6,
            "rss": rss,
            "fsync": _fsync_alone(Path(name)),
        }


def _watch(wal: Path, publisher: subprocess.Popen[bytes]) -> list[tuple[int, int]]:
    """(offset, when first seen in monotonic ns) of the one segment, until a second after the publisher's end."""
    seen: list[tuple[int, int]] = []
    end = None
    while end is None or time.monotonic() < end:
        mark = read_committed_offset(wal, "collector")
        if mark and (not seen or mark.offset != seen[-1][0]):
            seen.append((mark.offset, time.monotonic_ns()))
        if end is None and publisher.poll() is not None:
            assert publisher.returncode == 0
            end = time.monotonic() + 1.0
        time.sleep(_POLL_SECONDS)
    return seen


def _latencies(wal: Path, seen: list[tuple[int, int]]) -> tuple[list[float], list[float]]:
    """Milliseconds from publish to fsync, and from the collector's read to fsync, each sorted."""
    wall_offset = time.time_ns() - time.monotonic_ns()
    (segment,) = wal.glob("*.wal")
    offsets = [offset for offset, _ in seen]
    found, inside = [], []
    for batch in read_batches(segment):
        at = seen[bisect.bisect_left(offsets, batch.end)][1]
        found += [(at - int(p[8 : p.index(b",")])) / 1e6 for p in batch.payloads]
        inside += [(at + wall_offset - received * 1000) / 1e6 for received in batch.received_at]
    return sorted(found), sorted(inside)


def _fsync_alone(folder: Path) -> float:
    """Milliseconds of one append of 4 KiB and fsync on this disk, now: what no collector can beat."""
    times = []
    with (folder / "probe").open("ab", buffering=0) as file:
        for _ in range(50):
            started = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            times.append((time.perf_counter() - started) * 1e3)
    return sorted(times)[len(times) // 2]


if __name__ == "__main__":
    main()
