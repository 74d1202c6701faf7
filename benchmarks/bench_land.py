"""Landing on one core: readings per second and CPU per reading, as JSON with medians and ratios of one run.

    python benchmarks/bench_land.py [--messages 200000] [--rounds 5]

Two kinds of messages: `wide` (four metrics in about 130 bytes of JSON) and `long` (one metric in about 90 bytes).

- `land` is everything from the sealed segment to the deleted WAL: reading and checking frames, decoding, sorting,
  Parquet, checksums, raw archive, every fsync, manifest and ledger commit.
- `decode_write` is its core: payloads in memory to the sorted, fsynced Parquet file.
- `json_only` is the limit of any decoder in Python: orjson.loads of the same payloads and nothing else.
- `polars_peer` reads the same messages with Polars' own NDJSON reader and writes them as Parquet, with no contract, no
  refusals, no times, no sort and no row per reading.

All on one core (affinity and thread pools), so CPU time and wall time differ only by waiting for the disk.
"""

import argparse
import io
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ["POLARS_MAX_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import orjson  # noqa: E402 - thread pools are sized when these are imported
import polars as pl  # noqa: E402
import pyarrow as pa  # noqa: E402

from sensor_platform.home import Home  # noqa: E402
from sensor_platform.landing.config import LandingConfig  # noqa: E402
from sensor_platform.landing.files.landing_table import LandingTable  # noqa: E402
from sensor_platform.landing.files.parquet import write_landing  # noqa: E402
from sensor_platform.landing.open_lander import open_lander  # noqa: E402
from sensor_platform.landing.record_batches import SegmentBatch  # noqa: E402
from sensor_platform.reading.batch import MessageBatch, TimeLimits  # noqa: E402
from sensor_platform.reading.contract import DEFAULT_CONTRACT  # noqa: E402
from sensor_platform.reading.decode import Decoder  # noqa: E402
from sensor_platform.wal import BatchFacts, Header, encode_mqtt  # noqa: E402
from sensor_platform.wal.segment_writer import SegmentWriter  # noqa: E402

_NOW = 1_772_366_400_000_000
_DEVICES = 500
_SLOT = 600_000_000
_TOPIC = b"sensors/plant/line"


def main() -> None:
    options = _options()
    pa.set_cpu_count(1)
    result: dict[str, Any] = {"messages": options.messages, "rounds": options.rounds, "cores": 1}
    for kind, payloads, per_message in (
        ("wide", _wide(options.messages), 4),
        ("long", _long(options.messages), 1),
    ):
        result[kind] = _measure(payloads, per_message, options.rounds)
    json.dump(result, sys.stdout, indent=2)
    print()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _measure(payloads: list[bytes], per_message: int, rounds: int) -> dict[str, Any]:
    """The four measurements, interleaved so that a busy neighbour hurts all alike."""
    with TemporaryDirectory() as folder:
        contenders: dict[str, Callable[[], tuple[float, float]]] = {
            "land": lambda: _land(payloads, Path(folder)),
            "decode_write": lambda: _timed(lambda: _decode_write(payloads, Path(folder))),
            "json_only": lambda: _timed(lambda: _json_only(payloads)),
            "polars_peer": lambda: _timed(lambda: _polars_peer(payloads, Path(folder))),
        }
        for run in contenders.values():
            run()  # warm up: imports, plans, page cache
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, run in contenders.items():
                times[name].append(run())
    readings = len(payloads) * per_message
    found: dict[str, Any] = {"bytes_per_message": round(sum(map(len, payloads)) / len(payloads), 1)}
    for name, measured in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*measured, strict=True))
        found[name] = {
            "readings_per_second": round(readings / wall),
            "readings_per_cpu_second": round(readings / cpu),
            "cpu_us_per_reading": round(cpu / readings * 1e6, 3),
            "cpu_us_per_message": round(cpu / len(payloads) * 1e6, 3),
        }
    cost = {name: statistics.median(cpu for _, cpu in measured) for name, measured in times.items()}
    found["cpu_ratios"] = {
        "decode_write_to_json_only": round(cost["decode_write"] / cost["json_only"], 2),
        "land_to_json_only": round(cost["land"] / cost["json_only"], 2),
        "decode_write_to_polars_peer": round(cost["decode_write"] / cost["polars_peer"], 2),
    }
    return found


def _timed(run: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def _land(payloads: list[bytes], folder: Path) -> tuple[float, float]:
    with TemporaryDirectory(dir=folder) as name:
        home = Home(Path(name))
        _seal(home, payloads)
        with open_lander(home, (DEFAULT_CONTRACT,), LandingConfig(), date(2010, 1, 1), 10, lambda: _NOW) as lander:
            return _timed(lambda: list(lander.land_sealed()))


def _decode_write(payloads: list[bytes], folder: Path) -> None:
    count = len(payloads)
    decoder = Decoder((DEFAULT_CONTRACT,), TimeLimits(0, 3_600_000_000))
    readings = LandingTable("segment")
    for start in range(0, count, 100_000):
        some = payloads[start : start + 100_000]
        batch = MessageBatch([_TOPIC.decode()] * len(some), some, [_NOW] * len(some))
        decoded = decoder.decode(batch)
        piece = SegmentBatch(start, batch, [0x32] * len(some), set(), set())
        readings.add(piece, decoded, readings.device_numbers(decoded))
    write_landing(Home(folder), folder / "x.parquet", readings.table(_SLOT))


def _json_only(payloads: list[bytes]) -> None:
    loads = orjson.loads
    for payload in payloads:
        loads(payload)


def _polars_peer(payloads: list[bytes], folder: Path) -> None:
    pl.read_ndjson(io.BytesIO(b"\n".join(payloads))).write_parquet(folder / "peer.parquet", compression="zstd")


def _seal(home: Home, payloads: list[bytes]) -> None:
    home.wal.mkdir(parents=True)
    writer = SegmentWriter(home.wal, Header(segment="bench-1772366400000-00000001", created_at=_NOW))
    for start in range(0, len(payloads), 200):
        packets = [_publish(payload) for payload in payloads[start : start + 200]]
        facts = BatchFacts(_NOW, "session", is_session_present=True, level=4, messages=len(packets))
        writer.append([encode_mqtt(facts, packets)])
    writer.commit()
    writer.seal()


def _publish(payload: bytes) -> bytes:
    """PUBLISH at QoS 1; the remaining length takes two bytes for these payloads."""
    body = len(_TOPIC).to_bytes(2, "big") + _TOPIC + b"\x00\x01" + payload
    if len(body) < 128:
        return b"\x32" + bytes([len(body)]) + body
    return b"\x32" + bytes([len(body) & 127 | 128, len(body) >> 7]) + body


def _wide(count: int) -> list[bytes]:
    rng = random.Random(7)
    return [
        orjson.dumps(
            {
                "device_id": f"dev-{i % _DEVICES:04d}",
                "timestamp": _NOW // 1000 - (count - i) // 20,
                "seq": i // _DEVICES,
                "temperature": round(rng.gauss(20, 5), 2),
                "humidity": round(rng.gauss(50, 5), 2),
                "pressure": round(rng.gauss(1000, 5), 1),
                "vibration": round(rng.random(), 4),
            }
        )
        for i in range(count)
    ]


def _long(count: int) -> list[bytes]:
    rng = random.Random(7)
    metrics = ("temperature", "pressure", "vibration")
    return [
        orjson.dumps(
            {
                "sensor_id": f"dev-{i % _DEVICES:04d}",
                "timestamp": _NOW / 1e6 - (count - i) / 20_000,
                "metric_type": metrics[i % 3],
                "value": round(rng.gauss(20, 5), 2),
            }
        )
        for i in range(count)
    ]


if __name__ == "__main__":
    main()
