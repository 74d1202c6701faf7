"""Five headline numbers of live water quality systems, each with its definition, each without loss, on one machine.

    python benchmarks/bench_headline.py [--seconds 10]

- ingest: 10,000 messages a second through mosquitto; milliseconds from publish to fsynced by the collector (p50, p99),
  the live process beside it. Lossless: all that were published are in the segment.
- buffering: 100,000 messages a second, taken from memory, all that have come since the last group; milliseconds to
  frame, append and fsync a group (p50, p99), and until the oldest message of a group is safe. Lossless: the segment is
  read back and counted.
- processing: 50,000 messages a second of three readings to one engine with 50 rules, which takes what has come as
  soon as it is done; milliseconds from the arrival of a batch's oldest message until windows and alarms are known.
  Arrival is simulated, processing is real (CPU time). Lossless: the engine has judged every reading.
- storage: batches of 10,000 rows, sorted, compressed and fsynced as a landing file; milliseconds a batch (p50), rows a
  second. Lossless: the file is read back and counted.
- serving: `GET /api/latest` of a device during the ingest above, twenty times a second; milliseconds (p99).
"""

import argparse
import json
import random
import time
from bisect import bisect_right
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
from bench_live_latency import one_round, summary  # type: ignore[import-not-found]
from bench_live_processing import _EVERY, _batch, rules  # type: ignore[import-not-found]

from sensor_platform.home import Home
from sensor_platform.landing.files.landing_table import LandingTable
from sensor_platform.landing.files.parquet import write_landing
from sensor_platform.landing.record_batches import SegmentBatch
from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.verdicts import EngineCatalog
from sensor_platform.wal import BatchFacts, Header, encode_mqtt, read_batches
from sensor_platform.wal.segment_writer import SegmentWriter


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    live = one_round(10_000, options.seconds, with_live=True)
    sent = round(10_000 * options.seconds)
    assert live["fsync"]["n"] >= 0.99 * sent, "the publisher did not keep its rate"
    with TemporaryDirectory() as name:
        buffering, storage = _buffering(Path(name), options.seconds), _storage(Path(name))
    result = {
        "benchmark": "headline",
        "ingest_10000_per_second_milliseconds": live["fsync"] | {"aim": 10},
        "buffering_100000_per_second_milliseconds": buffering | {"aim": 5},
        "processing_50000_per_second_milliseconds": _processing(options.seconds) | {"aim": 50},
        "storage_500000_rows_per_second_milliseconds": storage | {"aim": 20},
        "serving_milliseconds": live["api"] | {"aim": 10},
    }
    print(json.dumps(result))


def _buffering(folder: Path, seconds: float) -> dict[str, Any]:
    body = b"\x00\x09sensors/x\x00\x01" + b'{"device_id":"d1","temperature":21.53,"humidity":50.12}'
    packet = b"\x32" + bytes([len(body)]) + body
    writer = SegmentWriter(folder, Header(segment="bench-1772366400000-00000001", created_at=0))
    groups: list[float] = []
    oldest: list[float] = []
    taken, started = 0, time.perf_counter()
    while taken < 100_000 * seconds:
        begin = time.perf_counter()
        count = int((begin - started) * 100_000) - taken
        if count < 100:
            time.sleep(0.0005)
            continue
        facts = BatchFacts(taken, "session", is_session_present=True, level=5, messages=count)
        writer.append([encode_mqtt(facts, [packet] * count)])
        writer.commit()
        ended = time.perf_counter()
        groups.append((ended - begin) * 1e3)
        oldest.append((ended - started - taken / 100_000) * 1e3)
        taken += count
    rate = taken / (time.perf_counter() - started)
    assert sum(len(batch) for batch in read_batches(writer.seal())) == taken, "every message is in the segment"
    found: dict[str, Any] = summary(groups)
    return found | {"messages_per_second": round(rate), "oldest_message": summary(oldest)}


def _processing(seconds: float) -> dict[str, Any]:
    rng, every = random.Random(1), 20
    count = round(50_000 * seconds)
    batch = _batch(rng, 5_000, 0, count)
    arrivals = [batch.received_at[0] + number * every for number in range(count)]
    engine = Engine(EngineConfig(), EngineCatalog({"temperature": (-50.0, 150.0)}), rules())
    decoder = Decoder([DEFAULT_CONTRACT], TimeLimits(0, _EVERY * count + 3_600_000_000))
    late: list[float] = []
    begin, now = 0, arrivals[0] + 8_000
    while begin < count:
        end = bisect_right(arrivals, now)
        if end == begin:
            now = arrivals[begin] + 8_000  # the next poll
            continue
        some = MessageBatch(batch.topics[begin:end], batch.payloads[begin:end], arrivals[begin:end])
        started = time.process_time()
        engine.take(decoder.decode(some), some.received_at, set(), set(), now)
        engine.tick(now)
        now += round((time.process_time() - started) * 1e6)
        late.append((now - arrivals[begin]) / 1e3)
        begin = end
    assert engine.readings == 3 * count, "every reading was judged"
    found: dict[str, Any] = summary(late)
    return found | {"readings_per_second": 150_000}


def _storage(folder: Path) -> dict[str, Any]:
    rng = random.Random(2)
    batch = _batch(rng, 500, 0, 3_334)
    decoded = Decoder([DEFAULT_CONTRACT], TimeLimits(0, 3_600_000_000)).decode(batch)
    times = []
    for number in range(60):
        readings = LandingTable("segment")
        readings.add(
            SegmentBatch(0, batch, [0x32] * len(batch.payloads), set(), set()),
            decoded,
            readings.device_numbers(decoded),
        )
        begin = time.perf_counter()
        table = readings.table(600_000_000)
        write_landing(Home(folder), folder / f"{number}.parquet", table)
        times.append((time.perf_counter() - begin) * 1e3)
        assert pq.read_metadata(folder / f"{number}.parquet").num_rows == 3 * len(batch.payloads)
    rows = 3 * len(batch.payloads)
    found: dict[str, Any] = summary(times[10:])
    return found | {"rows": rows, "rows_per_second": round(rows / found["p50"] * 1e3)}


if __name__ == "__main__":
    main()
