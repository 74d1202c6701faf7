"""The collector behind a real mosquitto, against mosquitto_sub writing to a file and against a stock paho script.

    python benchmarks/bench_collect_mosquitto.py [--messages 100000] [--rounds 5]

Each consumer leaves a persistent session, the messages are published while it is away, and it then drains the queue:
no publisher takes CPU meanwhile. Rate: from the first stored byte to the last. CPU: of the consumer, in that time.
The collector fsyncs before every acknowledgement; the two others never do. Mosquitto with deploy/mosquitto.conf.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from collect_runs import (  # type: ignore[import-not-found]
    Consumer,
    collector,
    median,
    mosquitto_sub,
    payload,
    stock_paho,
)

from sensor_platform.collect.brokers.local import local_broker
from sensor_platform.collect.config import Broker
from sensor_platform.devices.publisher import Publisher, PublisherOptions

_QUIET_SECONDS = 1.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rates: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for make in (collector, mosquitto_sub, stock_paho):
            name, rate, microseconds = drain(make, options.messages)
            rates.setdefault(name, []).append(rate)
            cpu.setdefault(name, []).append(microseconds)
    print(json.dumps(summary(options.messages, options.rounds, rates, cpu)))


def drain(make: Callable[[Path, int], Consumer], messages: int) -> tuple[str, float, float]:
    """(name, messages a second, microseconds of CPU a message)."""
    with TemporaryDirectory() as name, local_broker(Path(name) / "broker", kind="mosquitto") as broker:
        port = int(broker.url.rpartition(":")[2])
        consumer = make(Path(name) / "consumer", port)
        consumer.start(is_ready_printed=consumer.name == "collector")
        time.sleep(1.0)
        consumer.stop()
        with Publisher(Broker(port=port), PublisherOptions(window=10_000)) as publisher:
            for number in range(messages):
                publisher.publish(f"sensors/{number % 50}", payload(number))
            if not publisher.drain():
                raise TimeoutError("the broker did not take everything")
        before = consumer.stored_bytes
        consumer.start()
        try:
            seconds, cpu_seconds = _watch(consumer, before, messages * len(payload(0)))
        finally:
            consumer.stop()
        return consumer.name, messages / seconds, cpu_seconds / messages * 1e6


def _watch(consumer: Consumer, before: int, least_bytes: int) -> tuple[float, float]:
    while consumer.stored_bytes == before:
        time.sleep(0.001)
    first = last = time.monotonic()
    cpu_first = cpu_last = consumer.cpu_seconds
    size = consumer.stored_bytes
    while size - before < least_bytes * 0.99 or time.monotonic() - last < _QUIET_SECONDS:
        time.sleep(0.005)
        now = consumer.stored_bytes
        if now != size:
            size, last, cpu_last = now, time.monotonic(), consumer.cpu_seconds
        if time.monotonic() - last > 60:
            raise TimeoutError(f"{consumer.name} stopped at {size - before} of {least_bytes} bytes")
    return last - first, cpu_last - cpu_first


def summary(
    messages: int, rounds: int, rates: dict[str, list[float]], cpu: dict[str, list[float]]
) -> dict[str, object]:
    """Medians, and ratios round by round."""
    rate_ratio = [ours / theirs for ours, theirs in zip(rates["collector"], rates["mosquitto_sub"], strict=True)]
    cpu_ratio = [ours / theirs for ours, theirs in zip(cpu["collector"], cpu["stock_paho"], strict=True)]
    cpu_sub = [ours / theirs for ours, theirs in zip(cpu["collector"], cpu["mosquitto_sub"], strict=True)]
    return {
        "benchmark": "collect_mosquitto",
        "messages": messages,
        "rounds": rounds,
        "messages_per_second": {name: median(values, 0) for name, values in rates.items()},
        "cpu_microseconds_per_message": {name: median(values) for name, values in cpu.items()},
        "rate_of_mosquitto_sub": {"median": median(rate_ratio), "aim": ">= 0.9"},
        "cpu_of_stock_paho": {"median": median(cpu_ratio, 3), "aim": "<= 0.25"},
        "cpu_of_mosquitto_sub": {"median": median(cpu_sub)},
    }


if __name__ == "__main__":
    main()
