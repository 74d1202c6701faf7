"""The engine against itself: the same stream in other pieces, with a snapshot after each, or in one late batch."""

import random
from itertools import pairwise

import msgspec
import pytest

from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.config import EngineConfig
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.verdicts import EngineCatalog
from sensor_platform_tests.landing.homes import T0, Message
from sensor_platform_tests.stream.streams import RULES, SECOND, engine_of, stream

Finals = dict[tuple[str, str, str, int], list[str]]
"""Window, device, metric and start to its numbers."""


def test_a_backlog_in_one_batch_is_late_for_nothing() -> None:
    engine = Engine(EngineConfig(), EngineCatalog())
    decoder = Decoder([DEFAULT_CONTRACT], TimeLimits(0, 3600 * SECOND))
    payloads = [b'{"device_id":"d","ts":%d,"temp":1}' % (T0 // SECOND + at) for at in range(0, 3600, 10)]
    arrivals = [T0 + 3600 * SECOND] * len(payloads)
    batch = MessageBatch(["x"] * len(payloads), payloads, arrivals)
    engine.take(decoder.decode(batch), arrivals, set(), set(), arrivals[-1])
    closed = {found.spec.name: len(found) for found in engine.tick(arrivals[-1] + 60 * SECOND).closed}
    assert closed == {"10s": 360, "1m": 60}
    assert [windows.too_late for windows in engine.windows] == [0, 0]


def test_a_silent_device_that_goes_on_does_not_begin_a_window_again() -> None:
    engine = Engine(EngineConfig(), EngineCatalog())
    decoder = Decoder([DEFAULT_CONTRACT], TimeLimits(0, 3600 * SECOND))

    def take(at: int, arrived: int) -> None:
        batch = MessageBatch(["x"], [b'{"device_id":"d","ts":%d,"temp":1}' % (T0 // SECOND + at)], [arrived])
        engine.take(decoder.decode(batch), [arrived], set(), set(), arrived)

    take(1, T0 + SECOND)
    assert [found.columns["n"].tolist() for found in engine.tick(T0 + 900 * SECOND).closed] == [[1], [1]]
    assert engine.tick(T0 + 1800 * SECOND).closed == []
    take(2, T0 + 1801 * SECOND)
    again = engine.tick(T0 + 1900 * SECOND).closed
    assert [(found.columns["n"].tolist(), found.columns["revision"].tolist()) for found in again] == [([2], [1])] * 2


def _run(messages: list[tuple[int, Message]], cuts: list[int], seed_dump: bool) -> tuple[list[Event], Finals]:
    """Feed the engine in pieces; with `seed_dump` through a snapshot after every piece."""
    engine = engine_of()
    decoder = Decoder([DEFAULT_CONTRACT], TimeLimits(0, 3600 * SECOND))
    events: list[Event] = []
    edges = [0, *cuts, len(messages)]
    for start, end in pairwise(edges):
        some = messages[start:end]
        if not some:
            continue
        arrivals = [at for at, _ in some]
        batch = MessageBatch([message.topic for _, message in some], [m.payload for _, m in some], arrivals)
        duplicates = {i for i, (_, m) in enumerate(some) if m.flag == 1}
        suspects = {i for i, (_, m) in enumerate(some) if m.flag == 2}
        _, more = engine.take(decoder.decode(batch), arrivals, duplicates, suspects, arrivals[-1])
        events += more
        events += engine.tick(arrivals[-1]).events
        if seed_dump:
            saved = msgspec.msgpack.encode(engine.dump())
            engine = engine_of()
            assert engine.load(msgspec.msgpack.decode(saved)) == []
    events += engine.tick(messages[-1][0] + 300 * SECOND).events
    finals: Finals = {}
    for windows in engine.windows:
        for row in windows._rows.values():
            series = int(windows.rows["series"][row])
            key = (windows.spec.name, engine.index.device(series), engine.index.metric(series))
            names = ("n", "bad_n", "min", "max", "first", "last")
            finals[*key, int(windows.rows["start"][row])] = [repr(windows.rows[name][row]) for name in names]
    events.sort(key=lambda event: (event.noticed_at, event.key))
    return events, finals


@pytest.mark.parametrize("seed", range(6))
def test_alarms_and_windows_do_not_depend_on_how_the_stream_is_cut_nor_on_snapshots(seed: int) -> None:
    messages = stream(seed, 500)
    rng = random.Random(seed)
    whole, windows = _run(messages, [], seed_dump=False)
    cuts = sorted(rng.sample(range(len(messages)), 60))
    pieces, windows_of_pieces = _run(messages, cuts, seed_dump=True)
    assert [event.key for event in pieces] == [event.key for event in whole]
    assert pieces == whole
    assert windows_of_pieces == windows
    assert len({event.rule for event in whole}) >= len(RULES) - 2


def test_series_beyond_the_limit_are_refused_and_counted() -> None:
    engine = Engine(EngineConfig(most_series=100), EngineCatalog(), RULES)
    decoder = Decoder([DEFAULT_CONTRACT], TimeLimits(0, 3600 * SECOND))
    payloads = [b'{"device_id":"d%d","temp":1}' % number for number in range(500)]
    batch = MessageBatch(["x"] * 500, payloads, [T0] * 500)
    engine.take(decoder.decode(batch), [T0] * 500, set(), set(), T0)
    assert (len(engine.index), engine.index.refused, len(engine.index.devices)) == (100, 400, 100)
