"""Windows against a plain recount: statistics, closing, revisions and the bound of memory."""

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.stream.columns import Readings
from sensor_platform.stream.config import WindowSpec
from sensor_platform.stream.series import SeriesIndex
from sensor_platform.stream.windows import Windows
from sensor_platform_tests.landing.homes import T0
from sensor_platform_tests.stream.streams import SECOND

Row = tuple[int, int, float, int]
"""series, event seconds after T0, value, verdict."""

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
