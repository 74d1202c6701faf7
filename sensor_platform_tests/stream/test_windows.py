"""When a window is emitted, emitted again, and given up."""

from typing import Any

import numpy as np
import pytest

from sensor_platform.stream.config import WindowSpec
from sensor_platform.stream.series import SeriesIndex
from sensor_platform.stream.windows import ClosedWindows, Windows
from sensor_platform_tests.stream.given import SECOND, Row, noon, readings_of_rows


class OneSeries:
    """The windows of one series, `m` of device `a`."""

    def __init__(self, spec: WindowSpec, **bounds: Any) -> None:
        self.index = SeriesIndex()
        given = {"slot": 600 * SECOND, "keep": 60 * SECOND, "idle": 10 * SECOND} | bounds
        self.windows = Windows(spec, self.index, **given)

    def add(self, *some: tuple[float, float]) -> None:
        """Add (seconds, value), and set the watermark to the newest."""
        rows: list[Row] = [("a", "m", at, value) for at, value in some]
        readings = readings_of_rows(self.index, rows)
        before = np.maximum(self.index.by_device["watermark"][[0] * len(some)], noon(-2 * 10**9))
        self.windows.add(readings, before)
        for name in ("watermark", "received_at"):
            newest = max(noon(at) for at, _ in some)
            self.index.by_device[name][0] = max(newest, int(self.index.by_device[name][0]))

    def close(self, seconds: float) -> list[tuple[float, int, float, int]]:
        """Start, n, mean and revision of what is emitted at a time."""
        return shown(self.windows.close(noon(seconds)))


def shown(closed: ClosedWindows) -> list[tuple[float, int, float, int]]:
    columns = closed.columns
    starts = (columns["start"] - noon(0)) / SECOND
    rows = zip(
        starts.tolist(), columns["n"].tolist(), columns["mean"].tolist(), columns["revision"].tolist(), strict=True
    )
    return list(rows)


def test_a_window_is_emitted_once_when_the_watermark_has_passed_its_end_and_grace() -> None:
    one = OneSeries(WindowSpec(length="10s", grace="2s"))
    one.add((1, 1.0), (9, 3.0))
    one.add((11.9, 5.0))
    assert one.close(11.9) == []
    one.add((12, 7.0))
    assert one.close(12) == [(0.0, 2, 2.0, 0)]
    assert one.close(13) == []


def test_the_windows_of_a_silent_device_are_closed_by_the_clock() -> None:
    one = OneSeries(WindowSpec(length="10s", grace="1s"))
    one.add((1, 1.0))
    assert one.close(10.9) == []
    assert one.close(11) == [(0.0, 1, 1.0, 0)]


def test_a_reading_that_comes_later_changes_its_window_with_the_next_revision() -> None:
    one = OneSeries(WindowSpec(length="10s"))
    one.add((1, 1.0), (30, 1.0))
    assert one.close(30) == [(0.0, 1, 1.0, 0)]
    one.add((2, 3.0))
    assert one.close(31) == [(0.0, 2, 2.0, 1)]


def test_a_reading_that_comes_after_its_window_was_given_up_is_counted_and_left_out() -> None:
    one = OneSeries(WindowSpec(length="10s", grace="1s"), keep=60 * SECOND)
    one.add((1, 1.0))
    one.add((71, 1.0))
    one.add((2, 3.0))
    assert one.windows.too_late == 1
    assert one.close(71) == [(0.0, 1, 1.0, 0)]
    assert one.windows.patience == 71 * SECOND


def test_hopping_windows_share_their_readings() -> None:
    one = OneSeries(WindowSpec(length="20s", every="10s"))
    one.add((5, 1.0), (15, 3.0))
    assert one.close(100) == [(-10.0, 1, 1.0, 0), (0.0, 2, 2.0, 0), (10.0, 1, 3.0, 0)]


def test_beyond_the_most_windows_the_oldest_closed_ones_are_given_up() -> None:
    one = OneSeries(WindowSpec(length="10s"), most=3, keep=10**6 * SECOND)
    one.add(*((start * 10.0, 1.0) for start in range(6)))
    assert len(one.close(1_000)) == 6
    assert len(one.windows) == 3
    one.add((1, 1.0))
    assert one.windows.too_late == 1
    assert one.close(1_001) == []


def test_a_window_with_bad_readings_only_has_no_mean() -> None:
    one = OneSeries(WindowSpec())
    one.windows.add(readings_of_rows(one.index, [("a", "m", 1, 5.0)], verdicts=[2]))
    one.index.by_device["watermark"][0] = noon(60)
    columns = one.windows.close(noon(60)).columns
    assert (columns["n"].tolist(), columns["bad_n"].tolist()) == ([0], [1])
    assert np.isnan([columns[name][0] for name in ("mean", "sum", "min", "max", "first", "last")]).all()


def test_readings_of_open_windows_are_waiting() -> None:
    one = OneSeries(WindowSpec())
    one.add((1, 1.0), (2, 1.0), (30, 1.0))
    assert one.windows.waiting().tolist() == [3]
    one.close(30)
    assert one.windows.waiting().tolist() == [1]


def test_a_snapshot_in_the_middle_changes_nothing() -> None:
    one, spec = OneSeries(WindowSpec()), WindowSpec()
    one.add((1, 1.0), (30, 1.0))
    one.close(30)
    one.add((2, 3.0))
    again = Windows(spec, one.index, 600 * SECOND, 60 * SECOND, 10 * SECOND)
    again.load(one.windows.dump())
    assert shown(again.close(noon(31))) == one.close(31) == [(0.0, 2, 2.0, 1)]
    assert len(again) == len(one.windows)


@pytest.mark.parametrize("start", [0, -(10**9), 10**9])
def test_windows_are_aligned_to_the_epoch(start: int) -> None:
    one = OneSeries(WindowSpec(length="10s"))
    one.add((start + 7, 1.0))
    assert [each[0] for each in one.close(start + 100)] == [start]
