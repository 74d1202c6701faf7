"""The engine's state as a snapshot, and how it is restored after a kill or a failed write."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.live.engine.followed_collectors import CollectorBatches, FollowedCollectors
from sensor_platform.live.engine.step import Step, StepResult, run_step
from sensor_platform.live.engine.step_store import StepStore
from sensor_platform.reading.decode import Decoder
from sensor_platform.reading.memory import NodeState
from sensor_platform.stream.engine import Engine
from sensor_platform.wal import Place

log = logging.getLogger(__name__)
_MOST_IDLE_STEPS = 1_000
"""Steps without new data after which a snapshot is made nevertheless."""
_COST_FACTOR = 20
"""Snapshots take at most a twentieth of the time."""


@dataclass(slots=True)
class EngineState:
    """Everything that a step changes: the engine, the decoder's memory, and the places of the collectors."""

    engine: Engine
    decoder: Decoder
    collectors: FollowedCollectors
    rules: Sequence[ForgetRule] = ()
    """What is forgotten now."""
    forgotten: set[str] = field(default_factory=set)
    """Ids of the rules by which the state was cleared."""

    def run(self, step: Step, batches: CollectorBatches) -> StepResult:
        """Run a step."""
        return run_step(self.engine, self.decoder, step, batches, self.rules)

    def forget(self) -> list[ForgetRule]:
        """Clear the state of what rules take, once for each rule; returns the rules that are new.

        Series do not know their topics: of a rule with a topic only later messages are left out.
        """
        fresh = [rule for rule in self.rules if rule.id not in self.forgotten]
        for rule in fresh:
            if rule.topic is None:
                self.engine.forget(rule)
            if rule.is_whole_device and rule.device is not None:
                nodes = self.decoder.memory.nodes
                for node in [each for each in nodes if f"{rule.device}/".startswith(f"{each}/")]:
                    del nodes[node]  # as in the ledger: it is asked for its births again
        self.forgotten = {rule.id for rule in self.rules}
        return fresh

    def dump(self) -> bytes:
        """Encode the whole state."""
        return msgspec.msgpack.encode(
            {
                "engine": self.engine.dump(),
                "places": dict(self.collectors.places),
                "nodes": self.decoder.memory.nodes,
                "forgotten": sorted(self.forgotten),
            }
        )

    def load(self, body: bytes) -> None:
        """Replace the state by an encoded one; rules and windows that it does not know start empty."""
        saved = msgspec.msgpack.decode(body)
        self.decoder.memory.nodes = msgspec.convert(saved["nodes"], dict[str, NodeState])
        fresh = self.engine.load(saved["engine"])
        self.forgotten = set(saved.get("forgotten", ()))
        for name, place in saved["places"].items():
            self.collectors.follow(name, msgspec.convert(place, Place))
        if fresh:
            log.info("new or changed since the last start, without state: %s", ", ".join(fresh))

    def clear(self) -> None:
        """Start with an empty engine that has the same configuration, and follow no collector."""
        self.collectors.close()
        old = self.engine
        self.engine = Engine(old.config, old.catalog, old.rules, old.maintenance, slot_minutes=old.slot_minutes)


@dataclass(slots=True)
class Snapshots:
    """Decides when the state is stored, so that a restart has few steps to run again."""

    store: StepStore
    seconds: float
    """Minimum time between two snapshots."""
    _made_at: float = 0.0
    _cost: float = 0.0
    _steps: int = 0
    """Steps since the newest snapshot."""

    def make(self, state: EngineState) -> None:
        """Store the state now."""
        begin = time.monotonic()
        self.store.write_snapshot(state.dump())
        self._steps = 0
        self._made_at = time.monotonic()
        self._cost = self._made_at - begin

    def make_when_due(self, state: EngineState, news_at: float) -> None:
        """Count a step, and store the state if it is time.

        Args:
            state: after the step.
            news_at: monotonic time of the newest step that was not idle.
        """
        self._steps += 1
        pause = max(self.seconds, _COST_FACTOR * self._cost)
        is_idle = news_at < self._made_at and self._steps < _MOST_IDLE_STEPS
        if time.monotonic() - self._made_at > pause and not is_idle:
            self.make(state)


def restore(state: EngineState, store: StepStore) -> str:
    """Load the snapshot and run the steps after it again; returns a text about what was found."""
    body = store.read_snapshot()
    if body is not None:
        state.load(body)
    state.forget()
    steps = store.steps_since_snapshot()
    for seq, step in steps:
        result = state.run(step, state.collectors.read_until(step.sources))
        store.add_again(state.engine, seq, step, result)
    return f"snapshot and {len(steps)} steps" if body is not None or steps else "nothing: this is the first start"
