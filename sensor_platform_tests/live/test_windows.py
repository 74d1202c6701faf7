"""Windows against a plain recount, and the engine against itself fed in other pieces."""

import math
import random
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.reading.batch import Limits, MessageBatch
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder
from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.columns import Readings
from sensor_platform.stream.config import EngineConfig, WindowSpec
from sensor_platform.stream.engine import Engine
from sensor_platform.stream.series import SeriesIndex
from sensor_platform.stream.verdicts import EngineCatalog
from sensor_platform.stream.windows import Windows
from sensor_platform_tests.landing.homes import T0, Message
from sensor_platform_tests.live.streams import RULES, SECOND, engine_of, stream

Row = tuple[int, int, float, int]
"""series, event seconds after T0, value, verdict."""

Finals = dict[tuple[str, str, str, int], list[str]]
"""Window, device, metric and start to its numbers."""

rows = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 90), st.floats(-1e6, 1e6), st.sampled_from([0, 0, 0, 1, 2])),
    min_size=1,
    max_size=60,
)


def _windows(spec: WindowSpec) -> tuple[Windows, SeriesIndex]:
    index = SeriesIndex()
    index.numbers(index.device_numbers(["a", "b", "c"]), np.full(3, index.metric_number("m"), np.int64))
    return Windows(spec, index, 600 * SECOND, 3600 * SECOND, 10 * SECOND), index


def _readings(some: list[Row]) -> Readings:
    ordered = sorted(some, key=lambda row: (row[0], row[1], row[2]))
    at = np.array([T0 + row[1] * SECOND for row in ordered], np.int64)
    count = len(ordered)
    return Readings(
        np.array([row[0] for row in ordered], np.int64),
        np.arange(count),
        at,
        at + 5,
        np.array([row[2] for row in ordered], np.float64),
        np.array([row[3] for row in ordered], np.uint8),
        np.zeros(count, np.uint64),
        np.ones(count, np.bool_),
    )


@given(rows, st.integers(1, 7), st.sampled_from([("10s", ""), ("30s", "10s"), ("1m", "20s")]))
@settings(max_examples=150, deadline=None)
def test_windows_equal_a_recount_however_the_stream_is_cut(some: list[Row], cut: int, shape: tuple[str, str]) -> None:
    spec = WindowSpec(length=shape[0], every=shape[1])
    windows, index = _windows(spec)
    index.by_device["received_at"][:3] = T0
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for start in range(0, len(some), cut):
        windows.add(_readings(some[start : start + cut]))
    closed = windows.close(T0 + 10_000 * SECOND)
    columns = {name: column.tolist() for name, column in closed.columns.items()}
    for number in range(len(closed)):
        row = {name: column[number] for name, column in columns.items()}
        assert (row["series"], row["start"]) not in found
        found[row["series"], row["start"]] = row
    assert found.keys() == _recount(some, spec).keys()
    for key, expected in _recount(some, spec).items():
        row = found[key]
        good = sorted((at, value) for at, value, verdict in expected if verdict != 2)
        assert (row["n"], row["bad_n"]) == (len(good), len(expected) - len(good))
        assert row["uncertain_n"] == sum(verdict == 1 for _, _, verdict in expected)
        if good:
            values = [value for _, value in good]
            mean = math.fsum(values) / len(values)
            assert (row["min"], row["max"], row["first"], row["last"]) == (
                min(values), max(values), good[0][1], good[-1][1],
            )  # fmt: skip
            assert math.isclose(row["mean"], mean, rel_tol=1e-9, abs_tol=1e-7)
            m2 = math.fsum((value - mean) ** 2 for value in values)
            assert math.isclose(row["m2"], m2, rel_tol=1e-6, abs_tol=1e-3)


def _recount(some: list[Row], spec: WindowSpec) -> dict[tuple[int, int], list[tuple[int, float, int]]]:
    found: dict[tuple[int, int], list[tuple[int, float, int]]] = {}
    for series, seconds, value, verdict in some:
        at = T0 + seconds * SECOND
        newest = at // spec.hop * spec.hop
        for start in range(newest - spec.size + spec.hop, newest + 1, spec.hop):
            found.setdefault((series, start), []).append((at, value, verdict))
    return found


def test_a_window_closes_by_watermark_after_its_grace_and_is_revised_by_what_comes_later() -> None:
    windows, index = _windows(WindowSpec())
    index.by_device["received_at"][0] = T0
    windows.add(_readings([(0, 1, 1.0, 0)]))
    index.by_device["watermark"][0] = T0 + 10_900_000
    assert len(windows.close(T0)) == 0, "the grace is one second"
    index.by_device["watermark"][0] = T0 + 11_000_000
    assert windows.close(T0).columns["revision"].tolist() == [0]
    assert len(windows.close(T0)) == 0
    windows.add(_readings([(0, 2, 5.0, 0)]))
    again = windows.close(T0)
    assert (again.columns["revision"].tolist(), again.columns["n"].tolist()) == ([1], [2])


def test_a_silent_device_has_its_windows_closed_by_the_clock_only_after_the_idle_time() -> None:
    windows, index = _windows(WindowSpec())
    index.by_device["received_at"][0] = T0 + SECOND
    index.by_device["watermark"][0] = T0 + SECOND
    windows.add(_readings([(0, 1, 1.0, 0)]))
    assert len(windows.close(T0 + 10_999_999)) == 0
    assert len(windows.close(T0 + 11_000_000)) == 1


def test_what_is_too_late_is_counted_and_changes_nothing() -> None:
    windows, index = _windows(WindowSpec())
    index.by_device["received_at"][0] = T0
    index.by_device["watermark"][0] = T0 + 3611 * SECOND
    windows.add(_readings([(0, 1, 1.0, 0)]), np.array([T0 + 3611 * SECOND]))
    assert (windows.too_late, len(windows)) == (1, 0)


def test_memory_is_bounded_and_the_oldest_closed_windows_go_first() -> None:
    windows, index = _windows(WindowSpec())
    windows.most = 50
    index.by_device["received_at"][0] = T0
    index.by_device["watermark"][0] = T0 + 1200 * SECOND
    windows.add(_readings([(0, 10 * at, 1.0, 0) for at in range(100)]))
    assert len(windows.close(T0)) == 100
    assert len(windows) <= 50
    newest = T0 + 990 * SECOND
    windows.add(_readings([(0, 995, 3.0, 0), (0, 5, 3.0, 0)]))
    assert windows.close(T0).columns["start"].tolist() == [newest]
    assert windows.too_late == 1, "a window that was given up is not begun again"


def test_a_backlog_in_one_batch_is_late_for_nothing() -> None:
    engine = Engine(EngineConfig(), EngineCatalog())
    decoder = Decoder([DEFAULT_CONTRACT], Limits(0, 3600 * SECOND))
    payloads = [b'{"device_id":"d","ts":%d,"temp":1}' % (T0 // SECOND + at) for at in range(0, 3600, 10)]
    arrivals = [T0 + 3600 * SECOND] * len(payloads)
    batch = MessageBatch(["x"] * len(payloads), payloads, arrivals)
    engine.take(decoder.decode(batch), arrivals, set(), set(), arrivals[-1])
    closed = {found.spec.name: len(found) for found in engine.tick(arrivals[-1] + 60 * SECOND).closed}
    assert closed == {"10s": 360, "1m": 60}
    assert [windows.too_late for windows in engine.windows] == [0, 0]


def test_a_silent_device_that_goes_on_does_not_begin_a_window_again() -> None:
    engine = Engine(EngineConfig(), EngineCatalog())
    decoder = Decoder([DEFAULT_CONTRACT], Limits(0, 3600 * SECOND))

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
    decoder = Decoder([DEFAULT_CONTRACT], Limits(0, 3600 * SECOND))
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
    decoder = Decoder([DEFAULT_CONTRACT], Limits(0, 3600 * SECOND))
    payloads = [b'{"device_id":"d%d","temp":1}' % number for number in range(500)]
    batch = MessageBatch(["x"] * 500, payloads, [T0] * 500)
    engine.take(decoder.decode(batch), [T0] * 500, set(), set(), T0)
    assert (len(engine.index), engine.index.refused, len(engine.index.devices)) == (100, 400, 100)
