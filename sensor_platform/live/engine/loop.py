"""The engine's thread: follows the collectors, runs step after step, and stores each step with its results.

See `alert.store` for what a kill leaves, and `engine_state` for how the next start continues from there.
"""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.live.engine.engine_state import EngineState, Snapshots, restore
from sensor_platform.live.engine.followed_collectors import FollowedCollectors
from sensor_platform.live.engine.forget_watch import ForgetWatch
from sensor_platform.live.engine.loop_status import LoopStatus
from sensor_platform.live.engine.step import Injected, Step, StepResult
from sensor_platform.live.engine.step_store import Output, StepStore
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.engine import CLOCK_TOLERANCE, Engine

log = logging.getLogger(__name__)

_POLL_SECONDS, _IDLE_POLL_SECONDS = 0.008, 0.025
_QUIET_SECONDS = 2.0
"""Time without new data after which it polls less often."""
_LOOK_SECONDS = 0.25
"""Interval of looking for new collectors and old rows."""
_RETRY_SECONDS = 1.0
_TICK, _IDLE_TICK = 100_000, 400_000
"""Minimum microseconds between two checks of what is due, and between two steps without new data."""

AfterStep = Callable[[Engine, LoopStatus, Step, StepResult], None]


@dataclass(slots=True)
class Loop:
    """One engine with its position. `run` belongs to one thread; others may call `stop`, `wake` and `inject`."""

    home: Home
    path: Path
    """File of the live store."""
    engine: Engine
    """The engine that runs now; after a failed write it is another object."""
    decoder: Decoder
    output: Output
    clock: Callable[[], int]
    """Microseconds since the epoch, UTC."""
    after: AfterStep
    """Called after every step that was stored, and once at the start."""
    snapshot_seconds: float = 10.0
    keep_hours: int = 24
    status: LoopStatus = field(default_factory=LoopStatus)
    injected: "deque[Injected]" = field(default_factory=deque)
    """Waits for the next step; removed once that step is stored."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _wake: threading.Event = field(default_factory=threading.Event)
    _state: EngineState = field(init=False)
    _store: StepStore = field(init=False)
    _snapshots: Snapshots = field(init=False)
    _forgets: ForgetWatch = field(init=False)
    _looked_at: float = 0.0
    _news_at: float = 0.0

    def __post_init__(self) -> None:
        self._state = EngineState(self.engine, self.decoder, FollowedCollectors(self.home, self.status.gaps))
        self._forgets = ForgetWatch(self.home)
        self._store = StepStore(self.path, self.output)
        self._snapshots = Snapshots(self._store, self.snapshot_seconds)

    def run(self) -> None:
        """Restore, then follow until stopped."""
        with self.opened():
            self.after(self.engine, self.status, Step(now=self.clock()), StepResult())
            self._follow()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Connect to the live store and restore the engine; at the end, store a snapshot and close everything."""
        self._store.open()
        try:
            self.status.state = "restoring"
            self._restore()
            yield
            self._snapshots.make(self._state)
        finally:
            self.status.state = "stopped"
            self._store.close()
            self._state.collectors.close()

    def stop(self) -> None:
        """End after the current step."""
        self._stop.set()
        self._wake.set()

    def wake(self) -> None:
        """Run a step now: a command was given."""
        self._wake.set()

    def inject(self, rows: list[Injected]) -> None:
        """Give the engine readings that do not come from a collector."""
        self.injected.extend(rows)
        self._wake.set()

    def step(self, *, look: bool = False) -> bool:
        """Run one step, unless there is nothing to do; returns whether more messages wait.

        Args:
            look: whether to look for new collectors in any case.
        """
        self._look_around(is_forced=look)
        batches, is_more = self._state.collectors.read()
        commands = self._store.new_commands()
        rows = tuple(self.injected)
        newest = max((batch.received_at[-1] for _, some in batches for batch in some if len(batch)), default=0)
        now = self._time_of_step(newest, is_more=is_more)
        is_back = self.engine.is_back(now)
        has_news = bool(newest or commands or rows)
        self._note_lag(newest, is_more=is_more)
        if not has_news and not is_back and now - self.engine.now < _IDLE_TICK:
            return False
        step = Step(
            now=now,
            sources=self._state.collectors.places,
            commands=tuple(command for _, command in commands),
            injected=rows,
            is_tick=is_back or now - self.engine.ticked >= _TICK,
        )
        if has_news:
            self._news_at = time.monotonic()
        begin = time.perf_counter()
        result = self._state.run(step, batches)
        self._store.add(self.engine, step, result, [number for number, _ in commands])
        for _ in rows:
            self.injected.popleft()
        self._snapshots.make_when_due(self._state, self._news_at)
        if newest:
            self.status.step_seconds = time.perf_counter() - begin
        self.status.steps += 1
        self.after(self.engine, self.status, step, result)
        return is_more

    def _time_of_step(self, newest: int, *, is_more: bool) -> int:
        """The clock; while there is more to read, the arrival of the newest message: a backlog is not silence.

        An arrival in the future is of a clock that was wrong, and the time goes back with a clock that is set back.
        """
        clock = self.clock()
        arrived = newest if newest <= clock + CLOCK_TOLERANCE else clock
        now = arrived if is_more else max(clock, arrived)
        return now if self.engine.is_back(now) else max(self.engine.now, now)

    def _follow(self) -> None:
        is_ahead = False
        while not self._stop.is_set():
            self._wake.clear()
            try:
                if is_ahead:
                    self._state.clear()
                    self.engine = self._state.engine
                    self._restore()
                    is_ahead = False
                is_busy = self.step()
            except (OSError, sqlite3.OperationalError) as error:
                is_ahead = True  # of the store: the engine has run a step that was not stored
                self._note_problem(error)
                self._stop.wait(_RETRY_SECONDS)
                continue
            if not is_busy:
                is_quiet = time.monotonic() - self._news_at > _QUIET_SECONDS
                self._wake.wait(_IDLE_POLL_SECONDS if is_quiet else _POLL_SECONDS)

    def _restore(self) -> None:
        self._forgets.look()
        self._state.rules = self._forgets.rules
        self.status.restored = restore(self._state, self._store)
        self._snapshots.make(self._state)

    def _look_around(self, *, is_forced: bool) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_SECONDS and not is_forced:
            return
        self._looked_at = now
        if self._state.collectors.look_for_new():
            self._snapshots.make(self._state)  # the place where a collector was first met is part of the state
        self._store.forget(self.clock(), self.keep_hours)
        if self._forgets.look():
            self._take_rules()

    def _take_rules(self) -> None:
        """Have rules of what is forgotten in force, and clear what they take from state and store."""
        self._state.rules = self._forgets.rules
        fresh = self._state.forget()
        self._store.delete_forgotten(fresh)
        self._snapshots.make(self._state)  # also deletes the steps, which may hold names

    def _note_lag(self, newest: int, *, is_more: bool) -> None:
        self.status.state = "catching up" if is_more else "following"
        self.status.problem = ""
        self.status.lag_bytes = self._state.collectors.lag_bytes
        self.status.lag_micros = max(0, self.clock() - newest) if is_more and newest else 0
        self.status.damaged_bytes = self._state.collectors.damaged_bytes

    def _note_problem(self, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        if text != self.status.problem:
            log.warning("the step failed, trying again: %s", text)
        self.status.problem = text
        self.status.state = "waiting"
