"""Durations: what is read, what is refused, and that a duration that was written is read as the same length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.kernel.clock import DAY, HOUR, MINUTE, SECOND
from sensor_platform.kernel.durations import duration, duration_text

UNITS = {"ms": 1_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}


@given(st.integers(0, 100_000), st.sampled_from(sorted(UNITS)))
def test_a_whole_number_of_a_unit_is_exact(count: int, unit: str) -> None:
    assert duration(f"{count}{unit}") == duration(f" {count} {unit} ") == count * UNITS[unit]


@given(st.integers(1, 100_000), st.sampled_from(["s", "m", "h", "d"]))
def test_what_is_written_is_read_as_the_same_length(count: int, unit: str) -> None:
    micros = count * UNITS[unit]
    assert duration(duration_text(micros)) == micros


@pytest.mark.parametrize(
    ("micros", "text"),
    [(90 * SECOND, "90s"), (2 * HOUR, "2h"), (14 * DAY, "14d"), (250_000, "0.25s"), (0, "0s"), (24 * HOUR, "1d")],
)
def test_a_duration_is_written_in_its_largest_whole_unit(micros: int, text: str) -> None:
    assert duration_text(micros) == text


def test_fractions_are_rounded_to_microseconds() -> None:
    assert duration("1.5h") == 90 * MINUTE
    assert duration("0.0015ms") == 2


@pytest.mark.parametrize(
    "text", ["", "5", "h", "-5s", "+5s", "5 seconds", "1h30m", "1e3s", ".5s", "5.s", "nan s", "5S"]
)
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration(text)


@pytest.mark.parametrize("text", ["530000w", "9" * 30 + "d", "9" * 400 + "s"])
def test_longer_than_all_of_history_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        duration(text)
