"""Single values written as text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.reading.encodings.scalars import scalar_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("  ", None),
        ("7", 7),
        (" -7 ", -7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("FALSE", False),
        ("on", "on"),
        (" on ", " on "),
        ("1_000", "1_000"),
        ("1,5", "1,5"),
    ],
)
def test_a_text_is_the_simplest_value_that_it_can_be(text: str, value: object) -> None:
    found = scalar_of(text)
    assert found == value
    assert type(found) is type(value)


@settings(max_examples=50, deadline=None)
@given(st.integers() | st.floats(allow_nan=False))
def test_numbers_survive_being_written(number: float) -> None:
    found = scalar_of(repr(number))
    assert found == number
    assert type(found) is type(number)
