"""What follows each step of the engine: a new view, counters, and a call to the dispatchers."""

from collections.abc import Callable
from dataclasses import dataclass

from sensor_platform.live.engine.loop_status import LoopStatus
from sensor_platform.live.engine.step import Step, StepResult
from sensor_platform.live.engine.viewer import Viewer
from sensor_platform.live.monitor.stage_metrics import StageMetrics, groups_of
from sensor_platform.stream.engine import Engine


@dataclass(frozen=True, slots=True)
class StepObserver:
    """Called by the engine's thread after every step that was stored."""

    viewer: Viewer
    stages: StageMetrics
    clock: Callable[[], int]
    """Microseconds since the epoch."""
    group_tag: str
    """Tag of devices by which messages are counted."""
    wake: Callable[[], None]
    """Makes the dispatchers look into the outbox."""

    def after_step(self, engine: Engine, status: LoopStatus, step: Step, result: StepResult) -> None:
        """Take the result of a step."""
        self.viewer.take(engine, status, step, result)
        self.stages.count_events(result.events)
        for taken in result.taken:
            arrived = taken.piece.messages.received_at[-1]
            self.stages.observe("queued", (self.clock() - arrived) / 1e6 - status.step_seconds)
            groups = groups_of(taken.readings, engine.index, self.group_tag)
            self.stages.count_received(taken.collector, len(taken.piece.messages) - len(taken.piece.duplicates), groups)
        if result.taken:
            self.stages.observe("step", status.step_seconds)
        if result.events or result.closed or result.taken:
            self.wake()
