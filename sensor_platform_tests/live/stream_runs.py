"""A random stream written as a collector writes it, and the live loop run over it in a process that may be killed."""

import os
import signal
import sqlite3
import subprocess
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
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.rules import Rule
from sensor_platform.wal import BatchFacts, Header, encode_mqtt
from sensor_platform.wal.committed_offset import CommittedOffsetFile
from sensor_platform.wal.segment_writer import SegmentWriter
from sensor_platform_tests.landing.homes import T0, Message, publish_packet
from sensor_platform_tests.stream.streams import RULES, SECOND, engine_of

COLLECTOR = "col"
ROOT = Path(__file__).parents[2]


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


def loop_of(
    home: Home, clock: Any, after: Any = lambda *_: None, keep: str = "1h", rules: tuple[Rule, ...] = RULES
) -> Loop:
    """A live loop without a page."""
    limits = TimeLimits(0, 3600 * SECOND)
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


def follow(home: Home, now: int, kill_at: int = 0) -> int:
    """Run `follow_until` in a process; returns its exit code, -9 if it was killed."""
    argv = [sys.executable, "-m", "sensor_platform_tests.live.stream_runs", str(home.root), str(now), str(kill_at)]
    return subprocess.run(argv, cwd=ROOT, timeout=120, check=False).returncode


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
    """Child process: follow until everything is taken and the clock has passed `now`; die at commit `kill_at`."""
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
