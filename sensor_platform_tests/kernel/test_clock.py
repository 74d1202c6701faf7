"""Instants as microseconds: exact in both directions, over every year and zone that Python has."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.kernel.clock import (
    DAY,
    aware_utc,
    from_micros,
    now_micros,
    plain_utc,
    start_of_day,
    to_micros,
    utc_from_micros,
)
from sensor_platform.kernel.days import day_of, day_span

FIRST, LAST = to_micros(datetime.min.replace(tzinfo=UTC)), to_micros(datetime.max.replace(tzinfo=UTC))
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.integers(FIRST, LAST))
def test_every_instant_makes_the_round_trip(micros: int) -> None:
    assert to_micros(from_micros(micros)) == micros
    assert to_micros(utc_from_micros(micros)) == micros


@given(st.datetimes(timezones=ZONES))
def test_the_zone_does_not_change_the_instant(at: datetime) -> None:
    micros = to_micros(at)
    assert timedelta(microseconds=micros) == at - datetime(1970, 1, 1, tzinfo=UTC)
    if FIRST <= micros <= LAST:
        assert utc_from_micros(micros) == at
        assert from_micros(micros) == plain_utc(at)
        assert aware_utc(at) == at


@given(st.datetimes())
def test_a_plain_datetime_is_utc(at: datetime) -> None:
    assert to_micros(at) == to_micros(aware_utc(at))
    assert plain_utc(at) == at
    assert aware_utc(at).tzinfo is UTC


def test_the_first_and_the_last_year_are_exact_in_every_zone() -> None:
    ahead = timezone(timedelta(hours=14))
    assert to_micros(datetime.min.replace(tzinfo=ahead)) == FIRST - 14 * 3_600_000_000
    assert to_micros(datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))) == LAST + 12 * 3_600_000_000


def test_the_clock_is_the_clock_of_the_system() -> None:
    before = datetime.now(UTC)
    assert to_micros(before) <= now_micros() <= to_micros(datetime.now(UTC))


@given(st.dates(date(1, 1, 1), date(9999, 12, 30)))
def test_a_day_holds_the_instants_from_its_start_to_the_next(day: date) -> None:
    start = start_of_day(day)
    assert day_span((day, day)) == (start, start + DAY)
    assert day_of(start) == day_of(start + DAY - 1) == day
    assert day_of(start + DAY) == day + timedelta(days=1)


@pytest.mark.parametrize(("day", "micros"), [(date(1970, 1, 1), 0), (date(2026, 3, 1), 1_772_323_200_000_000)])
def test_days_start_at_midnight_utc(day: date, micros: int) -> None:
    assert start_of_day(day) == micros
