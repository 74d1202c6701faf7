"""A value is a number, a text, a refusal or nothing; a column is just that for every row."""

import math
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensor_platform.reading.values import RejectReason, column_of, text_of, value_of

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
VALUES = st.one_of(
    SCALARS, st.just(10**400), st.lists(SCALARS, max_size=2), st.dictionaries(st.text(), SCALARS, max_size=1)
)
STRINGS = st.sampled_from(["text", "number", "ignore"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1.0), (True, 1.0), (False, 0.0), (-0.5, -0.5), ("x", "x"), ("", ""), (None, None), (2**53, 2.0**53)],
)
def test_numbers_are_doubles_booleans_are_bits_and_text_is_text(value: object, expected: object) -> None:
    assert value_of(value) == expected


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (math.nan, "not_a_number"),
        (math.inf, "not_a_number"),
        (10**400, "not_a_number"),
        ([], "nested_value"),
        ({}, "nested_value"),
    ],
)
def test_what_cannot_be_stored_is_refused(value: object, rule: str) -> None:
    refused = value_of(value)
    assert isinstance(refused, RejectReason)
    assert refused.rule == rule


def test_text_is_what_the_contract_says() -> None:
    assert value_of("12.5", "number") == 12.5
    assert value_of("12.5", "text") == "12.5"
    assert value_of("12.5", "ignore") is None
    for wrong in ("twelve", "nan", "inf", ""):
        refused = value_of(wrong, "number")
        assert isinstance(refused, RejectReason)
        assert refused.rule == "not_a_number"


@given(st.one_of(st.lists(VALUES), st.lists(st.one_of(st.floats(), st.integers(), st.booleans()))), STRINGS)
@example([1.0, math.inf], "text")
@example([math.nan, 2.0], "text")
@example([math.inf, -math.inf], "text")
def test_a_column_is_value_of_every_row(values: list[object], strings: Literal["text", "number", "ignore"]) -> None:
    column = column_of(values, strings)
    found: dict[int, object] = dict(zip(column.number_rows, column.numbers, strict=True))
    found |= dict(zip(column.text_rows, column.texts, strict=True)) | dict(column.refused)
    expected = {row: value_of(value, strings) for row, value in enumerate(values)}
    assert found == {row: value for row, value in expected.items() if value is not None}
    assert len(found) == len(column.numbers) + len(column.texts) + len(column.refused)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_that_add_up_to_infinity_are_still_numbers(values: list[float]) -> None:
    numbers = [*values, 1.7e308, 1.7e308]
    assert list(column_of(numbers).numbers) == numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        ("", None),
        (5, "5"),
        (5.0, "5"),
        (5.25, "5.25"),
        (True, "true"),
        (math.nan, None),
        ([], None),
        (None, None),
        (1e22, "1e+22"),
    ],
)
def test_an_id_is_text_however_it_was_written(value: object, text: str | None) -> None:
    assert text_of(value) == text
