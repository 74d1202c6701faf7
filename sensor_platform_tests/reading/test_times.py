"""Device times in any usual form become the same microseconds, or a reason."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.kernel.clock import to_micros, utc_from_micros
from sensor_platform.reading.local_times import UnclearTime
from sensor_platform.reading.times import time_reader, zone

AT = datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC)
US = 1_772_323_199_123_456
MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def read(value: object, form: str = "auto", name: str = "UTC") -> int | str | UnclearTime | None:
    return time_reader(form, zone(name))(value)


@pytest.mark.parametrize(
    "value",
    [
        US,
        US * 1000,
        US / 1_000_000,
        US / 1_000,
        "2026-02-28T23:59:59.123456",
        "2026-02-28T23:59:59.123456Z",
        "2026-02-28 23:59:59.123456+00:00",
        "2026-03-01T07:59:59.123456+08:00",
        " 2026-02-28T20:29:59.123456-03:30 ",
        "20260228T235959.123456",
        str(US),
        str(US * 1000),
        "1772323199.123456",
        "1772323199123.456",
        "2026-02-28T23:59:59,123456",
    ],
)
def test_a_time_is_understood_in_any_usual_form(value: object) -> None:
    assert to_micros(AT) == US
    assert read(value) == US


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_772_323_199, datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)),
        (1_772_323_199_000, datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-86400, datetime(1969, 12, 31, tzinfo=UTC)),
        (99_999_999_999, datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
        (100_000_000_000, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        ("2026-02-28", datetime(2026, 2, 28, tzinfo=UTC)),
        ("1e9", datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)),
    ],
)
def test_epoch_units_are_told_apart_by_magnitude(value: object, expected: datetime) -> None:
    assert read(value) == to_micros(expected)


@given(MOMENTS)
def test_every_form_of_a_moment_reads_the_same(at: datetime) -> None:
    us = to_micros(at)
    assert read(us // 1_000_000, "s") == us // 1_000_000 * 1_000_000
    assert read(us // 1_000, "ms") == us // 1_000 * 1_000
    assert read(us, "us") == read(us * 1000 + 999, "ns") == read(at.isoformat()) == us
    assert read(at.astimezone(timezone(timedelta(hours=5, minutes=45))).isoformat()) == us
    assert utc_from_micros(us) == at


@given(MOMENTS)
def test_epoch_seconds_as_float_keep_microseconds(at: datetime) -> None:
    read_back = read(to_micros(at) / 1_000_000, "s")
    assert isinstance(read_back, int)
    assert abs(read_back - to_micros(at)) <= 1  # the float itself is that coarse after the year 2106


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("2026-07-01T12:00:00", "Europe/Berlin", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-01-01T12:00:00", "Europe/Berlin", datetime(2026, 1, 1, 11, tzinfo=UTC)),
        ("2026-01-01T00:30:00", "+08:00", datetime(2025, 12, 31, 16, 30, tzinfo=UTC)),
        ("2026-07-01T12:00:00Z", "Europe/Berlin", datetime(2026, 7, 1, 12, tzinfo=UTC)),
    ],
)
def test_a_time_without_zone_is_of_the_contracts_zone(text: str, name: str, expected: datetime) -> None:
    assert read(text, name=name) == to_micros(expected)


@pytest.mark.parametrize(
    "value",
    [
        True,
        [],
        {},
        math.nan,
        math.inf,
        -math.inf,
        1e300,
        10**40,
        "yesterday",
        "NaN",
        "12:00",
        "2026-13-01",
        "9" * 5000,
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        -(10**21),
    ],
)
def test_what_is_no_time_has_a_reason(value: object) -> None:
    reason = read(value)
    assert isinstance(reason, str)
    assert 0 < len(reason) < 200


@pytest.mark.parametrize("value", [None, "", "  "])
def test_nothing_is_no_time_and_no_error(value: object) -> None:
    assert read(value) is None


def test_a_stated_format_is_not_guessed_around() -> None:
    assert read(1_772_323_199, "ms") == 1_772_323_199_000
    assert isinstance(read("2026-02-28T00:00:00", "s"), str)
    assert isinstance(read(1_772_323_199, "iso"), str)
    assert read("20260228", "iso") == to_micros(datetime(2026, 2, 28, tzinfo=UTC))
    assert isinstance(read(10**18, "s"), str)
    for huge in (1.797693134862316e302, float("inf"), float("nan"), -float("inf"), 10**400, "9" * 400):
        assert isinstance(read(huge, "s"), str)
        assert isinstance(read(huge, "auto"), str)


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none(), st.lists(st.integers())))
def test_any_value_is_a_time_a_reason_or_nothing(value: object) -> None:
    for form in ("auto", "s", "ms", "us", "ns", "iso"):
        found = read(value, form)
        assert found is None or isinstance(found, str | int)
        if isinstance(found, int):
            assert utc_from_micros(found).year <= 9999
