"""Runs of equal keys, against plain loops."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.stream.equal_runs import highest_before, newest_known_row, run_numbers, run_starts

Rows = list[tuple[int, int]]
"""Key and a value, in order of key."""

rows = st.lists(st.tuples(st.integers(0, 4), st.integers(-5, 5)), max_size=30).map(
    lambda some: sorted(some, key=lambda row: row[0])
)


def test_runs_begin_where_the_key_changes_and_are_numbered() -> None:
    first = run_starts(np.array([7, 7, 3, 9, 9, 9]))
    assert first.tolist() == [0, 2, 3]
    assert run_numbers(first, 6).tolist() == [0, 0, 1, 2, 2, 2]


def test_no_rows_have_no_runs() -> None:
    none = np.empty(0, np.int64)
    assert run_starts(none).tolist() == []
    assert highest_before(none, none, none).tolist() == []
    assert newest_known_row(none, np.empty(0, np.bool_)).tolist() == []


@settings(max_examples=50, deadline=None)
@given(rows, st.integers(-5, 5))
def test_the_highest_before_a_row_is_that_of_earlier_rows_of_its_run_and_of_the_start(some: Rows, start: int) -> None:
    keys, values = np.array([row[0] for row in some], np.int64), np.array([row[1] for row in some], np.int64)
    expected = [
        max([start, *(value for key, value in some[:number] if key == some[number][0])]) for number in range(len(some))
    ]
    assert highest_before(keys, values, np.full(len(some), start)).tolist() == expected


@settings(max_examples=50, deadline=None)
@given(rows)
def test_the_newest_known_row_is_carried_on_within_its_run(some: Rows) -> None:
    keys, known = np.array([row[0] for row in some], np.int64), np.array([row[1] > 0 for row in some], np.bool_)
    expected = [
        max((at for at in range(number + 1) if some[at][0] == some[number][0] and some[at][1] > 0), default=-1)
        for number in range(len(some))
    ]
    assert newest_known_row(keys, known).tolist() == expected
