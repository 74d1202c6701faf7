"""Local times that clocks show twice or never: the arrival decides where it can, otherwise the contract."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.kernel.clock import HOUR, MINUTE, SECOND, to_micros
from sensor_platform.reading.local_times import UnclearTime, local_time
from sensor_platform.reading.model import Reading, Rejected
from sensor_platform.reading.times import time_reader, zone

FIRST, SECOND_PASS = (to_micros(datetime(2026, 10, 25, hour, 30, tzinfo=UTC)) for hour in (0, 1))
TWICE = UnclearTime(FIRST, SECOND_PASS, "02:30")
WINTER, SUMMER = (to_micros(datetime(2026, 3, 29, hour, 30, tzinfo=UTC)) for hour in (1, 0))
NEVER = UnclearTime(WINTER, SUMMER, "02:30")


@pytest.mark.parametrize(
    ("received_at", "expected"),
    [
        (FIRST, FIRST),
        (FIRST + 58 * MINUTE, FIRST),
        (SECOND_PASS - 30 * SECOND, SECOND_PASS),
        (SECOND_PASS + 59 * MINUTE, SECOND_PASS),
        (SECOND_PASS + HOUR, None),
        (SECOND_PASS + 1000 * HOUR, None),
        (None, None),
        (FIRST - HOUR, FIRST),
    ],
)
def test_the_arrival_decides_in_the_repeated_hour_if_it_is_near(received_at: int | None, expected: int | None) -> None:
    found = TWICE.resolve(received_at, "refuse")
    assert found == expected if expected is not None else "twice" in str(found)
    assert TWICE.resolve(received_at, "first") == (expected or FIRST)
    assert TWICE.resolve(received_at, "second") == (expected or SECOND_PASS)


@pytest.mark.parametrize(
    ("received_at", "expected"),
    [(WINTER - 30 * SECOND, WINTER), (WINTER + 59 * MINUTE, WINTER), (WINTER + HOUR, None), (SUMMER, None)],
)
def test_a_time_that_clocks_skip_is_taken_only_if_it_fits_the_arrival(
    received_at: int | None, expected: int | None
) -> None:
    found = NEVER.resolve(received_at, "refuse")
    assert found == expected if expected is not None else "never" in str(found)
    assert NEVER.resolve(received_at, "second") == (expected or SUMMER)


def test_the_reader_gives_both_meanings_and_offsets_have_one() -> None:
    read = time_reader("auto", zone("Europe/Berlin"))
    assert read("2026-10-25T02:30:00") == UnclearTime(FIRST, SECOND_PASS, "'2026-10-25T02:30:00'")
    assert read("2026-03-29 02:30") == UnclearTime(WINTER, SUMMER, "'2026-03-29 02:30'")
    assert read("2026-10-25T02:30:00+01:00") == SECOND_PASS
    assert read("2026-10-25T03:00:00") == SECOND_PASS + 30 * MINUTE
    for name in ("UTC", "+01:00"):
        assert isinstance(time_reader("auto", zone(name))("2026-10-25T02:30:00"), int)


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]),
)
def test_what_arrives_soon_keeps_its_instant(moment: datetime, name: str) -> None:
    """An instant, shown by a clock of the zone and read when it arrives a second later, is that instant again."""
    at = moment.replace(tzinfo=UTC)
    shown = at.astimezone(ZoneInfo(name)).replace(tzinfo=None)
    found = local_time(shown, ZoneInfo(name), "x")
    if isinstance(found, UnclearTime):
        found = found.resolve(to_micros(at + timedelta(seconds=1)), "refuse")  # type: ignore[assignment]
    assert found == to_micros(at)


def test_messages_of_the_repeated_hour(decode: Callable[..., Any]) -> None:
    from sensor_platform.reading.contract import TimeSource

    body = {"id": "d", "t": 1, "ts": "2025-10-26T02:30:00"}
    (refused,) = decode(body, time=TimeSource(timezone="Europe/Berlin"))
    assert isinstance(refused, Rejected)
    assert (refused.rule, refused.device_id) == ("unclear_time", "d")
    assert "time.repeated_hour" in refused.hint
    (reading,) = decode(body, time=TimeSource(timezone="Europe/Berlin", repeated_hour="second"))
    assert isinstance(reading, Reading)
    assert (reading.event_at, reading.is_device_time) == (datetime(2025, 10, 26, 1, 30, tzinfo=UTC), True)
