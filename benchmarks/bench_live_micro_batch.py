"""Continuous processing against a micro-batch of five seconds: how late an alarm is, and what a reading costs.

    python benchmarks/bench_live_micro_batch.py [--rate 5000] [--seconds 60] [--batch-seconds 5]

Scenario 4: a machine is hot when more than five of its readings within a minute are above 100 degrees. The same stream
(machines of three metrics, one of them turning hot every two seconds) is fed to the same engine twice: as the live
process does, which takes what has come every 8 ms, or as soon as it is done with the last; and every five seconds.
Arrival is simulated, processing is real: an alarm is late by the wait of the message that raised it for its turn,
plus the CPU time until the engine has answered. Storing and sending, which cost both the same, are left out.
"""

import argparse
import json
import random
import time
from bisect import bisect_right
from typing import Any

from bench_live_latency import summary  # type: ignore[import-not-found]

from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.rules import Count, NoData, Rule, Threshold
from sensor_platform.stream.verdicts import EngineCatalog

_T0 = 1_767_225_600_000_000
_POLL = 8_000
"""Microseconds; as the live process looks."""
_RULES: tuple[Rule, ...] = (
    Count(name="overheating", metric="temperature", above=100.0, more_than=5, window="1m", severity="critical"),
    Threshold(name="shaking", metric="vibration", above={"warning": 6.0, "critical": 9.0}),
    NoData(name="silent", after="30s"),
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--machines", type=int, default=500)
    parser.add_argument("--rate", type=int, default=5_000, help="messages a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--batch-seconds", type=float, default=5.0)
    options = parser.parse_args()
    payloads, arrivals = _stream(options.machines, options.rate, options.seconds)
    continuous = one_round(payloads, arrivals, _POLL)
    batched = one_round(payloads, arrivals, round(options.batch_seconds * 1e6))
    assert continuous["alarms"] == batched["alarms"], "both must find the same"
    result = {"benchmark": "live_micro_batch", "messages_per_second": options.rate, "readings_per_message": 3}
    print(json.dumps(result | {"continuous": continuous, f"every_{options.batch_seconds:g}_seconds": batched}))


def one_round(payloads: list[bytes], arrivals: list[int], every: int) -> dict[str, Any]:
    """Feed the stream: at most once in `every` microseconds, all that has come by then."""
    engine = Engine(EngineConfig(), EngineCatalog({"temperature": (-50.0, 200.0)}), _RULES)
    decoder = Decoder([DEFAULT_CONTRACT], TimeLimits(0, 3_600_000_000))
    late: list[float] = []
    spent, steps, begin, now = 0.0, 0, 0, arrivals[0]
    while begin < len(arrivals):
        now += every - (now - arrivals[0]) % every  # the next turn
        end = bisect_right(arrivals, now)
        if end == begin:
            continue
        batch = MessageBatch(["telemetry"] * (end - begin), payloads[begin:end], arrivals[begin:end])
        started = time.process_time()
        _, events = engine.take(decoder.decode(batch), batch.received_at, set(), set(), now)
        events += engine.tick(now).events
        took = time.process_time() - started
        spent, steps, begin = spent + took, steps + 1, end
        now += round(took * 1e6)
        late += [
            (now - event.noticed_at) / 1e3 for event in events if (event.rule, event.kind) == ("overheating", "fired")
        ]
    return {
        "steps": steps,
        "alarms": len(late),
        "alarm_milliseconds": summary(late),
        "cpu_seconds_per_million_readings": round(spent / (3 * len(arrivals)) * 1e6, 2),
    }


def _stream(machines: int, rate: int, seconds: int) -> tuple[list[bytes], list[int]]:
    rng = random.Random(4)
    payloads, arrivals = [], []
    for number in range(rate * seconds):
        at = _T0 + number * 1_000_000 // rate
        machine, second = number % machines, number // rate
        is_hot = 0 <= second - 2 * machine < 3  # one more every two seconds, for three
        body = {
            "device_id": f"machine-{machine:03}",
            "timestamp": at / 1e6,
            "temperature": round((110 if is_hot else 72) + rng.gauss(0, 2), 2),
            "pressure": round(11 + rng.random(), 3),
            "vibration": round(2.4 + rng.gauss(0, 0.4), 3),
        }
        payloads.append(json.dumps(body).encode())
        arrivals.append(at + 2_000)
    return payloads, arrivals


if __name__ == "__main__":
    main()
