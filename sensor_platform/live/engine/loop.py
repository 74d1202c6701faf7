"""The engine's thread: follows the segments, does step after step, and stores each with what came of it.

Position, state and outbox move together: a step is one SQLite transaction. See `alert.store` for what a kill leaves.
"""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from sensor_platform.alert import store
from sensor_platform.alert.store import Outgoing
from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.ledger.landed_segments import LandedSegmentsOf
from sensor_platform.live.engine.emitted_windows import encode_closed
from sensor_platform.live.engine.step import Done, Injected, Step, do, read_again
from sensor_platform.reading.decode import Decoder
from sensor_platform.reading.memory import NodeState
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.engine import Engine
from sensor_platform.wal.segment_reader import Batch
from sensor_platform.wal.tail import Place, SegmentGone, Tail

log = logging.getLogger(__name__)

_POLL_SECONDS, _IDLE_POLL_SECONDS = 0.008, 0.025
_QUIET_SECONDS = 2.0
"""Without news for so long it looks less often."""
_LOOK_SECONDS = 0.25
"""Between two looks for new collectors and for old rows."""
_MOST_BYTES = 4 << 20
_RETRY_SECONDS = 1.0
_MOST_IDLE_STEPS = 1_000
"""Steps without news that may wait for a snapshot."""
_TICK, _IDLE_TICK = 100_000, 400_000
"""Least microseconds between two looks at what is due, and between two steps without news."""


class Output(Protocol):
    """Turns what came of a step into messages; called again for a step that is done again, with the same outcome."""

    def messages(self, step: Step, seq: int, done: Done) -> list[Outgoing]:
        """For the outbox."""

    def tags(self, event: Event) -> str:
        """Tags of the event's device, as JSON."""


@dataclass(slots=True)
class LoopStatus:
    """What the thread says about itself; read by other threads."""

    state: str = "starting"
    """`starting`, `restoring`, `following`, `catching up`, `waiting` (the disk does not allow it) or `stopped`."""
    problem: str = ""
    is_caught_up: bool = False
    lag_bytes: int = 0
    lag_micros: int = 0
    """How far the newest message taken lies behind the clock, while there is more to take."""
    steps: int = 0
    gaps: list[str] = field(default_factory=list)
    """What could not be read any more, newest last: windows and alarms began afresh there."""
    restored: str = ""
    """What the start found."""
    step_seconds: float = 0.0
    """Of the newest step that took something in."""
    damaged_bytes: int = 0


@dataclass(slots=True)
class Loop:
    """One live process's engine with its position. `run` belongs to one thread."""

    home: Home
    path: Path
    """Of the store."""
    engine: Engine
    decoder: Decoder
    output: Output
    clock: Callable[[], int]
    """Microseconds since the epoch, UTC."""
    after: Callable[[Step, Done], None]
    """Called after every step that was stored, and once at the start."""
    snapshot_seconds: float = 10.0
    keep_hours: int = 24
    status: LoopStatus = field(default_factory=LoopStatus)
    tails: dict[str, Tail] = field(default_factory=dict)
    injected: "deque[Injected]" = field(default_factory=deque)
    """Others may append; the next step takes them in, and they go once it is stored."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _wake: threading.Event = field(default_factory=threading.Event)
    _seq: int = 0
    _connection: sqlite3.Connection = field(init=False)
    _snapshot_at: float = 0.0
    _snapshot_cost: float = 0.0
    _looked_at: float = 0.0
    _data_version: int = -1
    _news_at: float = 0.0
    _stepped: int = 0
    """Steps since the snapshot."""

    def run(self) -> None:
        """Restore, then follow until told to stop; ends with a snapshot."""
        self._connection = store.connect(self.path)
        try:
            self.status.state = "restoring"
            self._restore()
            self.after(Step(now=self.clock()), Done())
            self._follow()
            self._snapshot()
        finally:
            self.status.state = "stopped"
            self._connection.close()
            for tail in self.tails.values():
                tail.close()

    def stop(self) -> None:
        """Finish the step and end."""
        self._stop.set()
        self._wake.set()

    def wake(self) -> None:
        """There may be a command, or injected rows."""
        self._wake.set()

    def _follow(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                is_busy = self._step()
            except (OSError, sqlite3.OperationalError) as error:
                self._complain(error)
                self._stop.wait(_RETRY_SECONDS)
                self._reset()
                continue
            if not is_busy:
                is_quiet = time.monotonic() - self._news_at > _QUIET_SECONDS
                self._wake.wait(_IDLE_POLL_SECONDS if is_quiet else _POLL_SECONDS)

    def _step(self) -> bool:
        """One step, where there is anything to do; True where more is waiting."""
        self._look_around()
        batches, is_more = self._read()
        commands = store.pending_commands(self._connection) if self._has_commands() else []
        rows = tuple(self.injected)
        newest = max((batch.received_at[-1] for _, some in batches for batch in some if len(batch)), default=0)
        # while there is more to take, time is what has been taken: a backlog must not look like silence
        now = max(self.engine.now, newest if is_more else max(self.clock(), newest))
        has_news = bool(newest or commands or rows)
        self._note_lag(newest, is_more=is_more)
        if not has_news and now - self.engine.now < _IDLE_TICK:
            return False
        places = tuple((name, tail.place) for name, tail in self.tails.items())
        obeyed = tuple(each for _, each in commands)
        is_tick = now - self.engine.ticked >= _TICK
        step = Step(now=now, sources=places, commands=obeyed, injected=rows, is_tick=is_tick)
        if has_news:
            self._news_at = time.monotonic()
        begin = time.perf_counter()
        done = do(self.engine, self.decoder, step, batches)
        self._store(step, done, [number for number, _ in commands])
        if newest:
            self.status.step_seconds = time.perf_counter() - begin
        self.status.steps += 1
        self.after(step, done)
        return is_more

    def _store(self, step: Step, done: Done, obeyed: Sequence[int]) -> None:
        self._seq += 1
        with transaction(self._connection):
            self._connection.execute("insert into steps values (?, ?)", (self._seq, msgspec.msgpack.encode(step)))
            self._keep(step, self._seq, done)
            self._connection.executemany("delete from inbox where id = ?", [(number,) for number in obeyed])
        for _ in step.injected:  # stored: only now are they ours
            self.injected.popleft()
        self._stepped += 1
        pause = max(self.snapshot_seconds, 20 * self._snapshot_cost)
        is_idle = self._news_at < self._snapshot_at and self._stepped < _MOST_IDLE_STEPS
        if time.monotonic() - self._snapshot_at > pause and not is_idle:
            self._snapshot()

    def _keep(self, step: Step, seq: int, done: Done) -> None:
        """What came of a step, in the step's transaction; all of it is ignored where it is there already."""
        tagged = [(event, self.output.tags(event)) for event in done.events]
        store.store_events(self._connection, seq, tagged)
        for closed in done.closed:
            self._connection.execute(
                "insert or ignore into closed values (?, ?, ?, ?)",
                (seq, closed.spec.name, step.now, encode_closed(closed, self.engine.index)),
            )
        store.store_outgoing(self._connection, self.output.messages(step, seq, done))

    def _snapshot(self) -> None:
        """The whole state, so that the steps before it are not needed any more."""
        begin = time.monotonic()
        body = msgspec.msgpack.encode(
            {
                "engine": self.engine.dump(),
                "places": {name: tail.place for name, tail in self.tails.items()},
                "nodes": self.decoder.memory.nodes,
            }
        )
        with transaction(self._connection):
            self._connection.execute("insert or replace into snapshot values (1, ?, ?)", (self._seq, body))
            self._connection.execute("delete from steps where seq <= ?", (self._seq,))
        self._stepped = 0
        self._snapshot_at = time.monotonic()
        self._snapshot_cost = self._snapshot_at - begin

    def _restore(self) -> None:
        row = self._connection.execute("select seq, body from snapshot").fetchone()
        if row is not None:
            self._seq, saved = row[0], msgspec.msgpack.decode(row[1])
            self.decoder.memory.nodes = msgspec.convert(saved["nodes"], dict[str, NodeState])
            fresh = self.engine.load(saved["engine"])
            for name, place in saved["places"].items():
                self._follow_collector(name, msgspec.convert(place, Place))
            if fresh:
                log.info("new or changed since the last start, begins afresh: %s", ", ".join(fresh))
        steps = self._connection.execute(
            "select seq, body from steps where seq > ? order by seq", (self._seq,)
        ).fetchall()
        for seq, body in steps:
            self._redo(seq, msgspec.msgpack.decode(body, type=Step))
        self.status.restored = (
            f"snapshot and {len(steps)} steps" if row or steps else "nothing: this is the first start"
        )
        self._snapshot()

    def _redo(self, seq: int, step: Step) -> None:
        batches, lost = read_again(self.tails, step)
        self.status.gaps += lost
        done = do(self.engine, self.decoder, step, batches)
        self._seq = seq
        with transaction(self._connection):
            self._keep(step, seq, done)

    def _reset(self) -> None:
        """After a failed store: the engine is ahead of what is stored, so it is made again from there."""
        for tail in self.tails.values():
            tail.close()
        self.tails = {}
        dumped = self.engine
        self.engine = Engine(
            dumped.config, dumped.catalog, dumped.rules, dumped.maintenance, slot_minutes=dumped.slot_minutes
        )
        try:
            self._restore()
        except (OSError, sqlite3.OperationalError) as error:
            self._complain(error)

    def _read(self) -> tuple[list[tuple[str, list[Batch]]], bool]:
        found: list[tuple[str, list[Batch]]] = []
        is_more = False
        for name, tail in self.tails.items():
            before = tail.place
            try:
                batches = tail.read(_MOST_BYTES)
            except SegmentGone as error:
                self._note_gap(name, tail, error)
                batches = []
            found.append((name, batches))
            is_same = before.segment == tail.place.segment
            is_more |= (tail.place.offset - before.offset if is_same else tail.place.offset) >= _MOST_BYTES // 2
            is_more |= not is_same and bool(batches)
        return found, is_more

    def _note_gap(self, name: str, tail: Tail, error: SegmentGone) -> None:
        """The bytes are gone. Windows that were open there stay incomplete; the tables have everything."""
        log.warning("%s: %s; %s", name, error.message, error.hint)
        self.status.gaps.append(f"{name}: {error.message}")
        tail.skip_gap()

    def _note_lag(self, newest: int, *, is_more: bool) -> None:
        self.status.is_caught_up = not is_more
        self.status.state = "catching up" if is_more else "following"
        self.status.problem = ""
        self.status.lag_bytes = sum(tail.lag_bytes for tail in self.tails.values())
        self.status.lag_micros = max(0, self.clock() - newest) if is_more and newest else 0
        self.status.damaged_bytes = sum(tail.damaged_bytes for tail in self.tails.values())

    def _has_commands(self) -> bool:
        """Whether another connection has written since the last look; costs far less than to look."""
        (version,) = self._connection.execute("pragma data_version").fetchone()
        changed = version != self._data_version
        self._data_version = version
        return bool(changed)

    def _look_around(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        known = len(self.tails)
        for folder in (self.home.wal, self.home.ingest):
            if folder.is_dir():
                for mark in folder.glob("*.committed"):
                    self._follow_collector(mark.stem, None, folder)
        if len(self.tails) > known:
            self._snapshot()  # where a collector was first met is part of the state
        self._forget()

    def _follow_collector(self, name: str, place: Place | None, folder: Path | None = None) -> None:
        if name in self.tails:
            return
        if folder is None:
            folder = self.home.ingest if (self.home.ingest / f"{name}.committed").exists() else self.home.wal
        self.tails[name] = Tail(self.home, name, LandedSegmentsOf(self.home, name), place, folder)

    def _forget(self) -> None:
        """Old rows; a few at a time."""
        before = self.clock() - self.keep_hours * HOUR
        for statement in (
            "delete from closed where at < ?",
            "delete from outbox where state = 'sent' and sent_at < ?",
        ):
            self._connection.execute(statement, (before,))

    def _complain(self, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        if text != self.status.problem:
            log.warning("cannot go on now, trying again: %s", text)
        self.status.problem = text
        self.status.state = "waiting"
