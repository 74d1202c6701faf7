"""A step: what the engine is given at once. Steps are recorded, and after a kill they are run again."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from sensor_platform.alert.store import OperatorCommand
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.record_batches import SegmentBatch, join
from sensor_platform.live.engine.followed_collectors import CollectorBatches
from sensor_platform.live.engine.forgotten_readings import without_forgotten
from sensor_platform.reading.batch import Decoded
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.columns import Readings
from sensor_platform.stream.engine import Engine, TickResult
from sensor_platform.stream.forgetting import plain_metric
from sensor_platform.stream.windows import ClosedWindows
from sensor_platform.wal import Place

Injected = tuple[str, str, int, int, float]
"""A reading that did not come from a collector: device, metric, event_at, received_at, value."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Input of one step, as it is recorded."""

    now: int
    """Microseconds since the epoch."""
    sources: tuple[tuple[str, Place], ...] = ()
    """Place up to which each collector's segments are read."""
    commands: tuple[OperatorCommand, ...] = ()
    injected: tuple[Injected, ...] = ()
    is_tick: bool = True
    """Whether windows and deadlines that are due are looked at."""


@dataclass(frozen=True, slots=True)
class CollectorReadings:
    """Messages and readings of one collector in one step."""

    collector: str
    piece: SegmentBatch
    decoded: Decoded
    readings: Readings


@dataclass(slots=True)
class StepResult:
    """Output of one step."""

    events: list[Event] = field(default_factory=list)
    closed: list[ClosedWindows] = field(default_factory=list)
    taken: list[CollectorReadings] = field(default_factory=list)


def run_step(
    engine: Engine, decoder: Decoder, step: Step, batches: CollectorBatches, rules: Sequence[ForgetRule] = ()
) -> StepResult:
    """Run a step. The same state, step, batches and rules of what is forgotten give the same result and state."""
    result = StepResult()
    engine.move_to(step.now)
    for collector, some in batches:
        if not any(map(len, some)):
            continue
        piece = join([batch for batch in some if len(batch)])
        decoded = without_forgotten(decoder.decode(piece.messages), piece.messages, rules)
        decoder.memory.keep()
        received_at = piece.messages.received_at
        retained = piece.messages.retained
        readings, events = engine.take(decoded, received_at, piece.duplicates, piece.suspects, step.now, retained)
        result.events += events
        result.taken.append(CollectorReadings(collector, piece, decoded, readings))
    injected = [row for row in step.injected if not any(_takes(rule, row) for rule in rules)]
    result.events += engine.inject(injected, step.now)
    for command in step.commands:
        if command.kind == "acknowledge":
            result.events += engine.rule_set.acknowledge(command.alert_id, command.by, command.at)
    outcome = engine.tick(step.now) if step.is_tick else TickResult()
    result.events += outcome.events
    result.closed = outcome.closed
    result.events = _with_newest_reminders(result.events)
    return result


def _with_newest_reminders(events: list[Event]) -> list[Event]:
    """After a pause many reminders of an alert are due at once: only the newest is notified, if it still stands."""
    last = {event.alert_id: event for event in events}
    return [
        msgspec.structs.replace(event, suppressed=event.suppressed or "late")
        if event.kind == "reminder" and event is not last[event.alert_id]
        else event
        for event in events
    ]


def _takes(rule: ForgetRule, row: Injected) -> bool:
    device, metric, event_at, received_at, _ = row
    return rule.topic is None and rule.takes(device, plain_metric(metric), "", event_at, received_at)
