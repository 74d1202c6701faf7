from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.warehouse.staleness.chunks import chunks

rows_by_hour = st.dictionaries(st.integers(0, 5 * 24 - 1).map(lambda hour: hour * HOUR), st.integers(1, 50))


@given(rows_by_hour, st.integers(1, 200))
def test_chunks_cover_the_range_without_gap_or_overlap(rows: dict[int, int], most: int) -> None:
    found = chunks(0, 5 * DAY, rows, most)
    assert found[0].start == 0
    assert found[-1].end == 5 * DAY
    assert all(left.end == right.start for left, right in pairwise(found))
    assert [chunk.with_whole for chunk in found] == [False] * (len(found) - 1) + [True]


@given(rows_by_hour, st.integers(1, 200))
def test_only_a_single_hour_or_nothing_exceeds_the_limit(rows: dict[int, int], most: int) -> None:
    for chunk in chunks(0, 5 * DAY, rows, most):
        held = {start: count for start, count in rows.items() if chunk.start <= start < chunk.end}
        assert sum(held.values()) <= most or len(held) == 1


def test_days_stay_whole_where_they_fit() -> None:
    found = chunks(0, 3 * DAY, {0: 5, DAY: 5, 2 * DAY: 5}, 10)
    assert [(chunk.start, chunk.end) for chunk in found] == [(0, 2 * DAY), (2 * DAY, 3 * DAY)]


def test_without_rows_there_is_one_chunk() -> None:
    assert len(chunks(0, DAY, {}, 10)) == 1
