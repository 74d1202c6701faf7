"""Statistics of windows, against plain sums."""

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.stream.growable import GrowableColumns
from sensor_platform.stream.series import SeriesIndex
from sensor_platform.stream.window_stats import STATS, merge_stats, stats_of
from sensor_platform_tests.stream.given import SECOND, noon, readings_of_rows

SLOT = 600 * SECOND
Reading = tuple[float, float, int]
"""Seconds after noon, value, verdict."""

parts = st.lists(
    st.lists(
        st.tuples(st.integers(0, 50), st.floats(-1e4, 1e4), st.sampled_from([0, 0, 1, 2])), min_size=1, max_size=8
    ),
    min_size=1,
    max_size=4,
)


def counted(some: list[list[Reading]], *, delay: float = 0.0) -> dict[str, Any]:
    """One window that readings are added to in parts."""
    rows = GrowableColumns(STATS)
    rows.grow(1)
    for part in some:
        ordered = sorted(part)
        readings = readings_of_rows(
            SeriesIndex(),
            [("a", "m", at, value) for at, value, _ in ordered],
            delay=delay,
            verdicts=[verdict for *_, verdict in ordered],
        )
        stats = stats_of(readings, np.array([0]), np.zeros(len(part), np.int64), SLOT)
        merge_stats(rows, np.array([0]), stats)
    return {name: rows[name][0].item() for name in STATS}


@settings(max_examples=50, deadline=None)
@given(parts)
def test_a_window_has_the_numbers_of_all_its_readings_whatever_their_parts(some: list[list[Reading]]) -> None:
    found = counted(some)
    readings = [reading for part in some for reading in part]
    good = sorted((at, value) for at, value, verdict in readings if verdict != 2)
    assert (found["n"], found["bad_n"]) == (len(good), len(readings) - len(good))
    assert found["uncertain_n"] == sum(verdict == 1 for *_, verdict in readings)
    if good:
        values = [value for _, value in good]
        mean = math.fsum(values) / len(values)
        assert (found["min"], found["max"]) == (min(values), max(values))
        assert (found["first"], found["last"]) == (good[0][1], good[-1][1])
        assert (found["first_at"], found["last_at"]) == (noon(good[0][0]), noon(good[-1][0]))
        assert math.isclose(found["sum"], math.fsum(values), rel_tol=1e-9, abs_tol=1e-6)
        assert math.isclose(found["m2"], math.fsum((each - mean) ** 2 for each in values), rel_tol=1e-6, abs_tol=1e-3)


def test_readings_that_arrive_more_than_a_slot_after_their_time_are_late() -> None:
    assert counted([[(0, 1.0, 0), (1, 1.0, 2)]], delay=600)["late_n"] == 0
    late = counted([[(0, 1.0, 0), (1, 1.0, 2)]], delay=600.5)
    assert late["late_n"] == 2
    assert late["last_received_at"] == noon(601.5)


def test_several_groups_are_counted_apart_also_where_one_has_only_bad_readings() -> None:
    rows = [("a", "m", 0.0, 1.0), ("a", "m", 1.0, 2.0), ("a", "m", 2.0, 3.0), ("a", "m", 3.0, 4.0)]
    readings = readings_of_rows(SeriesIndex(), rows, verdicts=[0, 2, 2, 0])
    stats = stats_of(readings, np.array([0, 1, 3]), np.array([0, 1, 1, 2]), SLOT)
    assert stats["n"].tolist() == [1, 0, 1]
    assert stats["bad_n"].tolist() == [0, 2, 0]
    assert stats["sum"].tolist() == [1.0, 0.0, 4.0]
