"""What the first message would pay for, paid before the port opens: imports, caches, first allocations.

Traced: without it the first step took 490 ms, of which nearly all was importing what only messages need, and the first
notification 27 ms. The engine that is fed here is thrown away; nothing of it is stored or seen.
"""

import gc
import sys
from collections.abc import Sequence

from sensor_platform.live.engine.emitted_windows import encode_closed
from sensor_platform.live.engine.loop import LoopStatus
from sensor_platform.live.engine.step import Done, Step
from sensor_platform.live.engine.view import Viewer
from sensor_platform.reading.batch import Limits, MessageBatch
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.engine import Engine

_SWITCH_SECONDS = 0.001
"""Python's own 5 ms is how long an API request may wait for the engine's thread, at each of its turns."""
_BEFORE = 400_000_000
"""Microseconds before now; the windows of the sample are closed in the end."""


def warm_up(engine: Engine, contracts: Sequence[Contract], limits: Limits, now: int) -> None:
    """Run a few made-up messages through a copy of everything, then keep what is loaded out of garbage collection.

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
        viewer.take(copy, LoopStatus(), Step(now=at), Done(events))
    outcome = copy.tick(now)
    for closed in outcome.closed:
        encode_closed(closed, copy.index)
    viewer.take(copy, LoopStatus(), Step(now=now), Done(outcome.events, outcome.closed))
    copy.load(copy.dump())
    del copy, decoder, viewer, outcome
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_SECONDS)


def _sample(at: int, number: int) -> MessageBatch:
    """A few messages of made-up devices that use what messages use: ids, texts, tags, several metrics."""
    bodies = [
        b'{"device_id":"warm-%d","message_id":"%d","timestamp":%d,"temperature":%d.5,"state":"on","on":true}'
        % (device, number, at, number)
        for device in range(8)
    ]
    return MessageBatch(["warm/up"] * len(bodies), bodies, [at] * len(bodies))
