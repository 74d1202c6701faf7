"""Decode, judge, windows and rules alone: readings a second on one core, CPU per reading, with 50 rules.

    python benchmarks/bench_live_processing.py [--devices 5000] [--messages 200000]

Messages of three metrics each, made before the clock starts; batches as a busy collector gives them. One thread.
"""

import argparse
import json
import random
import time
from typing import Any

from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.rules import Count, Rule, Stuck, Threshold
from sensor_platform.stream.verdicts import EngineCatalog

_T0 = 1_767_225_600_000_000
_EVERY = 400
"""Microseconds from one message to the next: 2,500 a second, so that windows close too."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--devices", type=int, default=5_000)
    parser.add_argument("--messages", type=int, default=200_000)
    options = parser.parse_args()
    result: dict[str, Any] = {"benchmark": "live_processing", "devices": options.devices, "rules": len(rules())}
    for batch in (200, 2_000, 20_000):
        result[f"batches_of_{batch}"] = one_round(options.devices, options.messages, batch)
    result["aim_readings_per_second"] = 200_000
    print(json.dumps(result))


def one_round(devices: int, messages: int, batch: int) -> dict[str, float]:
    rng = random.Random(1)
    engine = Engine(EngineConfig(), EngineCatalog({"temperature": (-50.0, 150.0)}), rules())
    decoder = Decoder([DEFAULT_CONTRACT], TimeLimits(0, 3_600_000_000))
    batches = [_batch(rng, devices, start, batch) for start in range(0, messages, batch)]
    warm = max(1, len(batches) // 10)
    spent = {"decode": 0.0, "engine": 0.0}
    fired = closed = 0
    for number, each in enumerate(batches):
        started = time.process_time()
        decoded = decoder.decode(each)
        middle = time.process_time()
        _, events = engine.take(decoded, each.received_at, set(), set(), each.received_at[-1])
        outcome = engine.tick(each.received_at[-1])
        ended = time.process_time()
        fired += len(events) + len(outcome.events)
        closed += sum(map(len, outcome.closed))
        if number >= warm:
            spent["decode"] += middle - started
            spent["engine"] += ended - middle
    readings = 3 * batch * (len(batches) - warm)
    return {
        "readings_per_second": round(readings / sum(spent.values())),
        "decode_microseconds_per_reading": round(spent["decode"] / readings * 1e6, 2),
        "engine_microseconds_per_reading": round(spent["engine"] / readings * 1e6, 2),
        "windows_closed": closed,
        "alarm_events": fired,
    }


def rules() -> list[Rule]:
    """Fifty of three kinds, each for some of the devices."""
    found: list[Rule] = []
    for number in range(50):
        devices = f"d{number % 10}*"
        if number % 5 == 3:
            found.append(Count(name=f"r{number}", metric="temperature", devices=devices, above=85.0, more_than=5))
        elif number % 5 == 4:
            found.append(Stuck(name=f"r{number}", metric="pressure", devices=devices))
        else:
            limits = {"warning": 85.0 + number % 5, "critical": 95.0}
            found.append(Threshold(name=f"r{number}", metric="temperature", devices=devices, above=limits))  # type: ignore[arg-type]
    return found


def _batch(rng: random.Random, devices: int, start: int, size: int) -> MessageBatch:
    payloads, arrivals = [], []
    for number in range(start, start + size):
        at = _T0 + number * _EVERY
        body = {
            "device_id": f"d{number % devices}",
            "seq": number,
            "timestamp": at / 1e6,
            "temperature": round(rng.gauss(50, 10), 2),
            "pressure": round(rng.random(), 3),
            "vibration": round(rng.random(), 3),
        }
        payloads.append(json.dumps(body).encode())
        arrivals.append(at + 2_000)
    return MessageBatch(["sensors/x"] * size, payloads, arrivals)


if __name__ == "__main__":
    main()
