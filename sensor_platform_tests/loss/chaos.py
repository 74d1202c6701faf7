"""The loss experiment: numbered messages through a real broker while collector, lander or both are killed -9.

Used by the tests with small numbers and by `benchmarks/bench_collect_loss.py` with large ones.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from sensor_platform.collect.collector_status import read_status
from sensor_platform.devices.publisher import Publisher, PublisherOptions
from sensor_platform.home import Home
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform_tests.running import COMMAND, RunningBroker, RunningCollector, stored_envelopes, wait_until

Victim = Literal["collector", "lander", "both", "any"]
DEVICES = 20
ACK_FIRST = (sys.executable, str(Path(__file__).with_name("ack_first.py")))
FAILING_DISK = (sys.executable, str(Path(__file__).with_name("failing_disk.py")))


@dataclass(frozen=True)
class Plan:
    """One experiment."""

    messages: int
    rate: float
    """Messages a second."""
    kills: int
    seed: int
    victim: Victim = "collector"
    qos: int = 1
    protocol: str = "5"
    is_landing: bool = False
    """With the lander, and counted in landing files through the ledger; without, counted in the segments."""
    is_patient: bool = False
    """Kill only a collector that is collecting by now; else also one that is still starting."""
    is_ack_first: bool = False
    """The broken variant: acknowledges before it writes. Must be seen to lose."""


@dataclass
class Outcome:
    """What came of it."""

    sent: int = 0
    kills: int = 0
    missing: int = 0
    doubled: int = 0
    """Messages stored more than once without a flag that says so."""
    suspects: int = 0
    duplicates: int = 0
    publish_seconds: float = 0.0
    settle_seconds: float = 0.0
    missing_examples: list[tuple[int, int]] = field(default_factory=list)


def run_chaos(plan: Plan, folder: Path, broker: RunningBroker) -> Outcome:
    """Publish, kill, wait, stop in order, compare."""
    collector = _collector(plan, folder, broker)
    outcome = Outcome(sent=plan.messages)
    collector.start()
    try:
        _publish_and_kill(plan, collector, broker, outcome)
        started = time.monotonic()
        _settle(collector)
        assert collector.stop() == 0, collector.log.read_text()
        outcome.settle_seconds = time.monotonic() - started
    finally:
        if collector.process and collector.process.poll() is None:
            collector.kill()
    _compare(plan, collector.home, outcome)
    return outcome


def message(number: int) -> tuple[str, bytes]:
    """Topic and payload; device and sequence identify it."""
    device, sequence = number % DEVICES, number // DEVICES
    payload = b'{"device_id":"d%d","seq":%d,"temperature":%d.5,"humidity":41.25,"pressure":1013.2,"rpm":1500}'
    return f"sensors/d{device}", payload % (device, sequence, sequence % 40)


def _collector(plan: Plan, folder: Path, broker: RunningBroker) -> RunningCollector:
    site = folder / "site"
    site.mkdir(parents=True)
    (site / "site.yaml").write_text(
        f"collect:\n  protocol: '{plan.protocol}'\n  seal_seconds: 1.0\n"
        f"  subscriptions:\n    - topic: sensors/#\n      qos: {plan.qos}\n"
    )
    return RunningCollector(
        folder / "home",
        broker.url,
        site=site,
        command=ACK_FIRST if plan.is_ack_first else COMMAND,
        arguments=("collect",) if plan.is_landing else ("collect", "--no-land"),
    )


def _publish_and_kill(plan: Plan, collector: RunningCollector, broker: RunningBroker, outcome: Outcome) -> None:
    dice = random.Random(plan.seed)
    due = sorted(dice.randrange(plan.messages // 20, plan.messages) for _ in range(plan.kills))
    step = max(1, int(plan.rate * 0.002))
    killer: threading.Thread | None = None
    started = time.monotonic()
    with Publisher(broker.address, PublisherOptions(qos=plan.qos, window=10_000)) as publisher:
        for number in range(plan.messages):
            publisher.publish(*message(number))
            if due and number >= due[0] and not (killer and killer.is_alive()):
                due.pop(0)
                # in a thread: the stream of messages must not pause for the kill
                killer = threading.Thread(target=_kill, args=(plan, collector, dice.uniform(0.0, 0.02), dice))
                killer.start()
                outcome.kills += 1
            if number % step == 0:
                ahead = number / plan.rate - (time.monotonic() - started)
                publisher.pump(max(0.0, ahead))
        assert publisher.drain(), "the broker did not take everything"
    if killer:
        killer.join()
    outcome.publish_seconds = time.monotonic() - started


def _kill(plan: Plan, collector: RunningCollector, pause: float, dice: random.Random) -> None:
    """Kill -9 and start again at once; does not wait until it is ready."""
    if plan.is_patient:
        wait_until(lambda: collector.committed() > 0, "the collector to collect")
    time.sleep(pause)
    victim = dice.choice(("collector", "lander", "both")) if plan.victim == "any" else plan.victim
    assert collector.process is not None
    if victim in ("lander", "both"):
        for child in psutil.Process(collector.process.pid).children():
            os.kill(child.pid, signal.SIGKILL)
    if victim in ("collector", "both"):
        collector.kill()
        collector.spawn()


def _settle(collector: RunningCollector) -> None:
    """Until the collector is connected and nothing more has come for a while."""

    def seen() -> tuple[str, int]:
        status = read_status(collector.home.wal, "collector")
        if status is None or collector.process is None or status.pid != collector.process.pid:
            return "starting", 0
        return status.state, status.counters.messages

    wait_until(lambda: seen()[0] == "connected", f"the collector\n{collector.log.read_text()}", 60.0)
    quiet_since, last = time.monotonic(), seen()
    while time.monotonic() - quiet_since < 1.5:
        time.sleep(0.1)
        if seen() != last:
            quiet_since, last = time.monotonic(), seen()


def _compare(plan: Plan, home: Home, outcome: Outcome) -> None:
    stored: Counter[tuple[int, int]] = Counter()
    if plan.is_landing:
        stored, outcome.duplicates = _landed(home)
    else:
        for envelope in stored_envelopes(home):
            outcome.suspects += envelope.flags == EnvelopeFlag.SUSPECT
            if envelope.flags == EnvelopeFlag.DUPLICATE:
                outcome.duplicates += 1
                continue
            _, device, rest = envelope.payload.split(b":", 2)
            stored[int(device[2 : device.index(b'"', 1)]), int(rest.partition(b",")[0])] += 1
    sent = {(number % DEVICES, number // DEVICES) for number in range(plan.messages)}
    missing = sorted(sent - stored.keys())
    outcome.missing, outcome.missing_examples = len(missing), missing[:5]
    outcome.doubled = sum(count - 1 for count in stored.values())
    assert stored.keys() <= sent


def _landed(home: Home) -> tuple[Counter[tuple[int, int]], int]:
    """Messages in the landing files that the ledger lists, and duplicates that it counted."""
    import polars as pl

    with closing(sqlite3.connect(home.ledger_file)) as ledger:
        files = [
            row[0] for row in ledger.execute("SELECT file FROM files WHERE kind = 'landing' AND replaced_at IS NULL")
        ]
        (duplicates,) = ledger.execute("SELECT coalesce(sum(duplicate), 0) FROM segments").fetchone()
    stored: Counter[tuple[int, int]] = Counter()
    for file in files:
        frame = pl.read_parquet(home.root / file, columns=["device_id", "metric", "message_id"])
        frame = frame.filter(pl.col("metric") == "temperature")
        stored.update((int(d[1:]), int(m)) for d, m in zip(frame["device_id"], frame["message_id"], strict=True))
    return stored, duplicates


def lander_is_there() -> bool:
    """Whether `sensor-platform land` can be started here."""
    return subprocess.run([*COMMAND, "land", "--help"], capture_output=True, check=False).returncode == 0
