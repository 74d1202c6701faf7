"""Cost of the collector from a real Kafka, beside a bare consumer loop on the same records in the same run.

    make kafka; python benchmarks/bench_collect_kafka.py [--records 1000000] [--rounds 2] [--rate 1000] [--seconds 10]

CPU is that of the whole consuming process between its first and its last look, user and system. The latency is from
`produce` to the committed offset of the WAL, at a steady rate.
"""

import argparse
import bisect
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from confluent_kafka import Producer  # type: ignore[import-not-found,unused-ignore]

from sensor_platform.wal import read_batches, read_committed_offset
from sensor_platform_tests.kafka.broker import RealKafka
from sensor_platform_tests.kafka.lab import Topics
from sensor_platform_tests.running import RunningCollector

_TICKS = os.sysconf("SC_CLK_TCK")
_BODY = b'"device_id":"press-%03d","temperature":21.53,"humidity":50.12,"pressure":1013.25,"seq":%d}'


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with TemporaryDirectory() as folder:
        cluster = RealKafka(Path(folder) / "kafka")
        try:
            cluster.start()
            fill(cluster.servers, options.records)
            bare = [bare_loop(cluster.servers, options.records, n) for n in range(options.rounds)]
            own = [collect(cluster.servers, Path(folder) / f"home{n}", options.records) for n in range(options.rounds)]
            waits = latency(cluster.servers, Path(folder) / "late", options.rate, options.seconds)
        finally:
            cluster.stop()
    result = {
        "benchmark": "collect_kafka",
        "records": options.records,
        "load_average": round(load, 1),
        "bare_cpu_us": [round(each, 2) for each in bare],
        "collector_cpu_us": {"rounds": [round(each, 2) for each in own], "aim": "<= 2.5"},
        "ratio": round(median(own) / median(bare), 2),
        "rate": options.rate,
        "p50_milliseconds": {"value": round(waits[len(waits) // 2], 2), "aim": "<= 4"},
        "p99_milliseconds": round(waits[len(waits) * 99 // 100], 1),
    }
    print(json.dumps(result))


def fill(servers: str, count: int) -> None:
    """Write `count` records of about 120 bytes on six partitions."""
    Topics(servers).create("bench", 6)
    out = Producer({"bootstrap.servers": servers, "compression.type": "lz4", "linger.ms": 50})
    for n in range(count):
        while True:
            try:
                out.produce("bench", b'{"timestamp":1700000000000,' + _BODY % (n % 200, n), b"press-%03d" % (n % 200))
                break
            except BufferError:
                out.poll(0.1)
    out.flush(60)


def bare_loop(servers: str, count: int, number: int) -> float:
    """Microseconds of CPU a record of a process that only consumes."""
    code = (
        "import sys,time\nfrom confluent_kafka import Consumer\n"
        "c=Consumer({'bootstrap.servers':sys.argv[1],'group.id':sys.argv[3],'auto.offset.reset':'earliest'})\n"
        "c.subscribe(['bench'])\nn=0\nat=time.process_time()\n"
        "while n<int(sys.argv[2]): n+=len(c.consume(5000,0.01))\nprint(time.process_time()-at)\n"
    )
    command = [sys.executable, "-c", code, servers, str(count), f"bare{number}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout) * 1e6 / count


def collect(servers: str, folder: Path, count: int) -> float:
    """Microseconds of CPU a record of a collector without its lander, from its start to the last fsync."""
    collector = collector_of(servers, folder, "bench")
    collector.start()
    assert collector.process is not None
    before = cpu_seconds(collector.process.pid)
    collector.wait_for_messages(count, 300)
    used = cpu_seconds(collector.process.pid) - before
    collector.stop()
    return used * 1e6 / count


def latency(servers: str, folder: Path, rate: int, seconds: int) -> list[float]:
    """Sorted milliseconds from `produce` to fsync."""
    Topics(servers).create("late", 6)
    collector = collector_of(servers, folder, "late")
    collector.start()
    out = Producer({"bootstrap.servers": servers, "linger.ms": 0})
    wal = collector.home.wal
    seen: dict[str, list[tuple[int, int]]] = {}
    begin = time.monotonic()
    sent = 0
    while (now := time.monotonic()) < begin + seconds + 1:
        while sent < min(rate * seconds, (now - begin) * rate):
            head = b'{"sent":%d,' % time.monotonic_ns()
            out.produce("late", head + _BODY % (sent % 200, sent), b"press-%03d" % (sent % 200))
            sent += 1
        out.poll(0)
        if mark := read_committed_offset(wal, "collector"):
            found = seen.setdefault(mark.segment, [])
            if not found or found[-1][0] < mark.offset:
                found.append((mark.offset, time.monotonic_ns()))
        time.sleep(0.0003)
    collector.stop()
    return sorted(waits_of(wal, seen))


def waits_of(wal: Path, seen: dict[str, list[tuple[int, int]]]) -> list[float]:
    """Milliseconds of each record whose fsync was seen."""
    found: list[float] = []
    for path in sorted(wal.glob("*.wal")):
        marks: list[Any] = seen.get(path.stem, [])
        for batch in read_batches(path):
            at = bisect.bisect_left(marks, (batch.end, 0))
            if at < len(marks):
                found += [(marks[at][1] - int(each[8 : each.index(b",")])) / 1e6 for each in batch.payloads]
    return found


def collector_of(servers: str, folder: Path, topic: str) -> RunningCollector:
    """A collector without its lander, not started."""
    site = folder / "site"
    site.mkdir(parents=True)
    (site / "site.yaml").write_text(
        f'collect:\n  seal_seconds: 60\n  kafka: {{servers: "{servers}", topics: [{topic}], group: "{folder.name}"}}\n'
    )
    return RunningCollector(folder / "home", "mqtt://127.0.0.1:1", site=site)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
