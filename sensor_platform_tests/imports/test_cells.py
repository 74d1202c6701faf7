"""Columns of cells as numbers and texts."""

import math
from datetime import date

import polars as pl
import pytest

from sensor_platform.imports.cells import cells_of, find_text, texts_of
from sensor_platform.reading.contract import ValueSource
from sensor_platform.reading.record_plan import Lookup

MIXED = pl.Series(["1", "2.5", "TRUE", "false", "on", None])


def test_texts_that_are_numbers_or_booleans_are_numbers_and_others_are_texts() -> None:
    found = cells_of(MIXED, "text")
    assert found.value.to_list() == [1.0, 2.5, 1.0, 0.0, None, None]
    assert found.text is not None
    assert found.text.to_list() == [None, None, None, None, "on", None]
    assert (found.refused, found.has_reading.to_list()) == (None, [True] * 5 + [False])


def test_other_texts_are_refused_or_ignored_where_the_contract_says_so() -> None:
    refused = cells_of(MIXED, "number")
    assert refused.text is None
    assert refused.refused is not None
    assert refused.refused.to_list() == [False, False, False, False, True, False]
    ignored = cells_of(MIXED, "ignore")
    assert (ignored.text, ignored.refused) == (None, None)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pl.Series([1, None]), [1.0, None]),
        (pl.Series([True, False]), [1.0, 0.0]),
        (pl.Series([1.5, math.inf, math.nan]), [1.5, None, None]),
    ],
)
def test_columns_of_numbers_are_doubles_and_what_is_not_finite_is_refused(
    column: pl.Series, values: list[float | None]
) -> None:
    found = cells_of(column, "text")
    assert found.value.to_list() == values
    spoilt = [value is None and given is not None for value, given in zip(values, column.to_list(), strict=True)]
    assert (found.refused.to_list() if found.refused is not None else [False] * len(values)) == spoilt


def test_arrays_and_objects_are_refused_and_dates_are_text() -> None:
    nested = cells_of(pl.Series([[1], None]), "text")
    assert nested.refused is not None
    assert (nested.refused.to_list(), nested.value.to_list()) == ([True, False], [None, None])
    days = cells_of(pl.Series([date(2026, 3, 1)]), "text")
    assert days.text is not None
    assert days.text.to_list() == ["2026-03-01"]


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pl.Series(["a", "", None]), ["a", None, None]),
        (pl.Series([7.0, 8.0, None]), ["7", "8", None]),
        (pl.Series([7.5, 8.0]), ["7.5", "8.0"]),
        (pl.Series([[1]]), [None]),
    ],
)
def test_ids_are_text_and_whole_numbers_have_no_point(column: pl.Series, texts: list[str | None]) -> None:
    assert texts_of(column).to_list() == texts


def test_the_first_column_that_has_a_text_wins_and_a_constant_fills_the_rest() -> None:
    frame = pl.DataFrame({"a": ["x", None, None], "b": [1, 2, None]})

    def found(*columns: int, constant: str | None = None, only_text: bool = False) -> list[str | None] | None:
        lookup = Lookup(columns, ValueSource(constant=constant))
        texts = find_text(frame, ("a", "b"), lookup, only_text=only_text)
        return None if texts is None else texts.to_list()

    assert found(0, 1) == ["x", "2", None]
    assert found(0, 1, constant="c") == ["x", "2", "c"]
    assert found(1, only_text=True) is None
    assert found() is None
    assert found(constant="c") == ["c"] * 3
