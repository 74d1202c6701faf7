"""Steps: what the engine is fed, as it is recorded and as it is done again after a kill."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from sensor_platform.alert.store import OperatorCommand
from sensor_platform.landing.record_batches import Piece, join
from sensor_platform.reading.batch import Decoded
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.columns import Readings
from sensor_platform.stream.engine import Engine, TickResult
from sensor_platform.stream.windows import ClosedWindows
from sensor_platform.wal.segment_reader import Batch
from sensor_platform.wal.tail import Place, SegmentGone, Tail

Injected = tuple[str, str, int, int, float]
"""device, metric, event_at, received_at, value"""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into the engine at once."""

    now: int
    sources: tuple[tuple[str, Place], ...] = ()
    """Collector, and how far its segments are read."""
    commands: tuple[OperatorCommand, ...] = ()
    injected: tuple[Injected, ...] = ()
    is_tick: bool = True
    """Whether what is due is looked at."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one source brought in one step."""

    collector: str
    piece: Piece
    decoded: Decoded
    readings: Readings


@dataclass(slots=True)
class Done:
    """What came of a step."""

    events: list[Event] = field(default_factory=list)
    closed: list[ClosedWindows] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)


def do(engine: Engine, decoder: Decoder, step: Step, batches: Sequence[tuple[str, Sequence[Batch]]]) -> Done:
    """Feed the engine. The same state, step and batches always end the same."""
    done = Done()
    for collector, some in batches:
        if not any(map(len, some)):
            continue
        piece = join([batch for batch in some if len(batch)])
        decoded = decoder.decode(piece.messages)
        decoder.memory.keep()
        received_at = piece.messages.received_at
        readings, events = engine.take(decoded, received_at, piece.duplicates, piece.suspects, step.now)
        done.events += events
        done.taken.append(Taken(collector, piece, decoded, readings))
    done.events += engine.inject(step.injected, step.now)
    for command in step.commands:
        if command.kind == "acknowledge":
            done.events += engine.rule_set.acknowledge(command.alert_id, command.by, command.at)
    outcome = engine.tick(step.now) if step.is_tick else TickResult()
    done.events += outcome.events
    done.closed = outcome.closed
    return done


def read_again(tails: dict[str, Tail], step: Step) -> tuple[list[tuple[str, list[Batch]]], list[str]]:
    """The batches of a recorded step, and what could not be read any more."""
    found: list[tuple[str, list[Batch]]] = []
    lost: list[str] = []
    for collector, place in step.sources:
        tail = tails[collector]
        batches: list[Batch] = []
        try:
            while not is_there(tail.place, place):
                before = tail.place
                batches += tail.read(until=place)
                if tail.place == before:
                    lost.append(f"segment {place.segment} does not reach to {place.offset} any more")
                    tail.close()
                    tail.place = place
        except SegmentGone as error:
            lost.append(error.message)
            tail.close()
            tail.place = place
        found.append((collector, batches))
    return found, lost


def is_there(place: Place, goal: Place) -> bool:
    """Whether everything up to `goal` has been read."""
    return (place.segment, place.offset) >= (goal.segment, goal.offset)
