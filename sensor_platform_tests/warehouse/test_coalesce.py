from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.warehouse.dbt.source_view import coalesce

starts = st.lists(st.integers(-60, 60).map(lambda number: number * 10), unique=True)


@given(starts, st.integers(1, 6))
def test_ranges_cover_exactly_the_windows_and_the_smallest_gaps(windows: list[int], most: int) -> None:
    ranges = coalesce(windows, 10, most)
    assert len(ranges) <= most
    assert all(any(low <= start and start + 10 <= high for low, high in ranges) for start in windows)
    assert all(before[1] < after[0] for before, after in pairwise(ranges))
    ordered = sorted(windows)
    gaps = sorted(after - before - 10 for before, after in pairwise(ordered) if after - before > 10)
    left = sorted(after[0] - before[1] for before, after in pairwise(ranges))
    assert left == (gaps[-len(left) :] if left else [])
    if windows:
        assert (ranges[0][0], ranges[-1][1]) == (ordered[0], ordered[-1] + 10)
