"""Columns that grow."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.stream.growable import GrowableColumns

FILLS = {"at": ("i8", -1), "value": ("f8", np.nan)}


def test_new_elements_have_the_fill_value_and_old_ones_stay() -> None:
    columns = GrowableColumns(FILLS)
    columns.grow(2)
    columns["at"][:2] = [10, 20]
    columns.grow(5_000)
    assert columns.size == 5_000
    assert columns["at"][:3].tolist() == [10, 20, -1]
    assert np.isnan(columns["value"][:5_000]).all()


def test_it_never_shrinks() -> None:
    columns = GrowableColumns(FILLS)
    columns.grow(10)
    columns.grow(3)
    assert columns.size == 10


def test_reset_rows_have_the_fill_value_again_and_others_do_not() -> None:
    columns = GrowableColumns(FILLS)
    columns.grow(3)
    columns["at"][:3] = [1, 2, 3]
    columns.reset(np.array([0, 2]))
    assert columns["at"][:3].tolist() == [-1, 2, -1]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-(2**60), 2**60), max_size=3_000))
def test_a_snapshot_brings_back_every_element(values: list[int]) -> None:
    columns = GrowableColumns(FILLS)
    columns.grow(len(values))
    columns["at"][: len(values)] = values
    again = GrowableColumns(FILLS)
    again.load(columns.dump())
    assert again.size == len(values)
    assert again["at"][: len(values)].tolist() == values


def test_a_column_that_a_snapshot_lacks_has_its_fill_value() -> None:
    columns = GrowableColumns({"at": ("i8", -1)})
    columns.grow(2)
    columns["at"][:2] = [1, 2]
    again = GrowableColumns(FILLS)
    again.load(columns.dump())
    assert again["at"][:2].tolist() == [1, 2]
    assert np.isnan(again["value"][:2]).all()
