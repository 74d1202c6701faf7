"""Random streams of messages, written as a collector writes them, and the live loop run over them in a process."""

import json
import os
import random
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sensor_platform.alert.config import AlertConfig
from sensor_platform.home import Home
from sensor_platform.live.config import LiveConfig
from sensor_platform.live.engine import followed_collectors
from sensor_platform.live.engine.emitted_windows import decode_closed
from sensor_platform.live.engine.loop import Loop
from sensor_platform.live.sending.step_messages import StepMessages
from sensor_platform.reading.batch import Limits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.rules import Condition, Count, Flap, NoData, Rate, Rule, Stuck, Threshold
from sensor_platform.stream.verdicts import EngineCatalog
from sensor_platform.wal import BatchFacts, CommittedOffsetFile, Header, SegmentWriter, encode_mqtt
from sensor_platform_tests.landing.homes import T0, Message, publish_packet

SECOND = 1_000_000
COLLECTOR = "col"
LIMITS: dict[str, tuple[float | None, float | None]] = {"temp": (-50.0, 120.0)}
UNITS = {"temp": "degC"}

RULES: tuple[Rule, ...] = (
    Threshold(name="hot", metric="temp", above={"warning": 60.0, "critical": 80.0}, clear_margin=5.0),
    Threshold(name="hot for long", metric="temp", above=60.0, for_="4s", clear_for="3s", renotify="20s"),
    Threshold(name="flapping", metric="load", outside=(-1.0, 1.0), flap=Flap(most=2, within="30s")),
    Count(name="often", metric="temp", above=60.0, more_than=2, window="30s", severity="critical"),
    Rate(name="jump", metric="load", above=120.0),
    Stuck(name="stuck", metric="mode", unchanged_for="8s"),
    NoData(name="silent", after="7s"),
    NoData(name="silent metric", metric="load", after="15s", severity="critical"),
    Condition(name="both", when="temp > 55 and load > 0.5", max_age="20s", for_="1s"),
)


def stream(seed: int, count: int, devices: int = 4) -> list[tuple[int, Message]]:
    """(arrival, message): late, doubled, disordered, out of range, silent for a while; reproducible."""
    rng, units = random.Random(seed), random.Random(seed + 1)
    sent: list[tuple[int, Message]] = []
    clock = {number: T0 + rng.randrange(SECOND) for number in range(devices)}
    values = dict.fromkeys(range(devices), 40.0)
    for seq in range(count):
        number = rng.randrange(devices)
        pause = 40 * SECOND if rng.random() < 0.01 else rng.randrange(20_000, 1_500_000)
        clock[number] += pause
        values[number] += rng.gauss(0, 9) - (values[number] - 50) * 0.1
        late = rng.choice([0, 0, 0, 0, 300_000, 3 * SECOND, 14 * SECOND])
        temp = 999.0 if rng.random() < 0.03 else round(values[number], 3)
        body: dict[str, Any] = {"device_id": f"dev{number}", "temp": temp, "mode": seq // 40}
        if rng.random() < 0.8:
            body["load"] = round(rng.gauss(0, 0.8), 3)
        if number != 1:
            body["timestamp"] = (clock[number] - late) / 1e6
        if number != 2:
            body["seq"] = seq
        if rng.random() < 0.05:
            body["quality"] = rng.choice(["bad", "uncertain"])
        if units.random() < 0.1:
            body["unit"] = units.choice(["degC", "degF", "kelvin", "bar"])
        flag = rng.choice([EnvelopeFlag.NONE] * 20 + [EnvelopeFlag.DUPLICATE, EnvelopeFlag.SUSPECT])
        payload = json.dumps(body).encode() if rng.random() > 0.01 else b"\xff no json"
        message = Message(payload, f"sensors/dev{number}", flag)
        sent.append((clock[number] + rng.randrange(50_000), message))
        if rng.random() < 0.05 and "seq" in body:
            sent.append((clock[number] + rng.randrange(2 * SECOND), message))
    return sorted(sent, key=lambda pair: pair[0])


class WrittenStream:
    """Writes a stream as segments with a committed mark, piece by piece."""

    def __init__(self, home: Home, messages: Sequence[tuple[int, Message]], per_batch: int = 5) -> None:
        home.wal.mkdir(parents=True, exist_ok=True)
        self._home = home
        self._messages = list(messages)
        self._per_batch = per_batch
        self._mark = CommittedOffsetFile(home.wal, COLLECTOR)
        self._writer: SegmentWriter | None = None
        self._seq = 0
        self.arrived_at = T0

    def write(self, count: int) -> bool:
        """Write so many messages; False where none is left."""
        some, self._messages = self._messages[:count], self._messages[count:]
        for start in range(0, len(some), self._per_batch):
            batch = some[start : start + self._per_batch]
            if self._writer is None:
                self._seq += 1
                name = f"{COLLECTOR}-1772366400000-{self._seq:08d}"
                self._writer = SegmentWriter(self._home.wal, Header(segment=name, created_at=batch[0][0]))
            self.arrived_at = batch[-1][0]
            flags = tuple((index, int(message.flag)) for index, (_, message) in enumerate(batch) if message.flag)
            facts = BatchFacts(self.arrived_at, "session", True, 4, len(batch), flags)
            packets = [publish_packet(message, number + 1) for number, (_, message) in enumerate(batch)]
            self._writer.append([encode_mqtt(facts, packets)])
            self._mark.publish(self._writer.name, self._writer.commit())
        return bool(self._messages)

    def seal(self) -> None:
        """Hand the open segment over."""
        if self._writer is not None:
            self._writer.seal()
            self._writer = None


def engine_of(rules: Sequence[Rule] = RULES, keep: str = "1h") -> Engine:
    return Engine(EngineConfig(keep=keep), EngineCatalog(limits=LIMITS, units=UNITS), rules)


def loop_of(
    home: Home, clock: Any, after: Any = lambda *_: None, keep: str = "1h", rules: tuple[Rule, ...] = RULES
) -> Loop:
    """A live loop without a page."""
    limits = Limits(0, 3600 * SECOND)
    return Loop(
        home=home,
        path=home.live_file,
        engine=engine_of(rules, keep),
        decoder=Decoder([DEFAULT_CONTRACT], limits),
        output=StepMessages(AlertConfig(rules=rules), LiveConfig(), "test", lambda _: ""),
        clock=clock,
        after=after,
        snapshot_seconds=0.2,
        keep_hours=10**6,
    )


def closed_rows(home: Home) -> list[dict[str, Any]]:
    """Every emitted window, in order of emission."""
    with sqlite3.connect(home.live_file) as connection:
        rows = connection.execute("select spec, body from closed order by seq, spec").fetchall()
    return [{"spec": spec, **row} for spec, body in rows for row in decode_closed(body)]


def emitted_events(home: Home) -> list[tuple[Any, ...]]:
    """Every alarm event, in order."""
    with sqlite3.connect(home.live_file) as connection:
        return connection.execute("select noticed_at, key, kind, alert_id from events order by 1, 2").fetchall()


def follow_until(home: Path, now: int, kill_at: int) -> None:
    """Child process: follow until everything is taken and the clock has passed `now`; die at the k-th commit."""
    commits = 0

    def traced(statement: str) -> None:
        nonlocal commits
        if statement.lower().startswith("commit"):
            commits += 1
            if commits == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    from sensor_platform.alert import store

    connect = store.connect

    def connect_traced(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.set_trace_callback(traced)
        return connection

    store.connect = connect_traced
    followed_collectors._MOST_BYTES = 6_000  # many small steps, so that there is much to interrupt
    loop = loop_of(Home(home), lambda: now)
    state = {"idle": 0}

    def after(_engine: Any, _status: Any, _step: Any, result: Any) -> None:
        state["idle"] = 0 if result.taken else state["idle"] + 1
        if state["idle"] > 3:
            loop.stop()

    loop.after = after
    original = loop.clock
    ticks = iter(range(10**9))
    loop.clock = lambda: original() + next(ticks) * 1000
    loop.run()


if __name__ == "__main__":
    follow_until(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
