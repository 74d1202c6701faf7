"""Pays the one-time costs of the first messages before the port opens: imports, caches, first allocations.

Measured without it: the first step took 490 ms, nearly all for imports that only messages need, and the first
notification 27 ms. The engine used here is thrown away; nothing of it is stored or shown.
"""

import gc
import sys
from collections.abc import Sequence

from sensor_platform.live.engine.emitted_windows import encode_closed
from sensor_platform.live.engine.loop_status import LoopStatus
from sensor_platform.live.engine.step import Step, StepResult
from sensor_platform.live.engine.viewer import Viewer
from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.engine import Engine

_SWITCH_SECONDS = 0.001
"""An API request may wait so long for the engine's thread at each switch; Python's default is 5 ms."""
_BEFORE = 400_000_000
"""Microseconds before now at which the sample begins, so that its windows close at the end."""


def warm_up(engine: Engine, contracts: Sequence[Contract], limits: TimeLimits, now: int) -> None:
    """Run a few made-up messages through a copy of everything, then exempt what is loaded from garbage collection.

    Args:
        engine: its configuration, catalog and rules are used, its state is not touched.
        contracts: of the site.
        limits: of the site.
        now: microseconds since the epoch.
    """
    decoder = Decoder((*contracts, DEFAULT_CONTRACT), limits)
    copy = Engine(engine.config, engine.catalog, engine.rules, engine.maintenance, slot_minutes=engine.slot_minutes)
    viewer = Viewer(1_000)
    for number in range(4):
        at = now - _BEFORE + number * 30_000_000
        messages = _sample(at, number)
        decoded = decoder.decode(messages)
        _, events = copy.take(decoded, messages.received_at, set(), {0}, at)
        viewer.take(copy, LoopStatus(), Step(now=at), StepResult(events))
    outcome = copy.tick(now)
    for closed in outcome.closed:
        encode_closed(closed, copy.index)
    viewer.take(copy, LoopStatus(), Step(now=now), StepResult(outcome.events, outcome.closed))
    copy.load(copy.dump())
    del copy, decoder, viewer, outcome
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_SECONDS)


def _sample(at: int, number: int) -> MessageBatch:
    """Make a few messages with ids, texts, booleans and numbers."""
    bodies = [
        b'{"device_id":"warm-%d","message_id":"%d","timestamp":%d,"temperature":%d.5,"state":"on","on":true}'
        % (device, number, at, number)
        for device in range(8)
    ]
    return MessageBatch(["warm/up"] * len(bodies), bodies, [at] * len(bodies))
