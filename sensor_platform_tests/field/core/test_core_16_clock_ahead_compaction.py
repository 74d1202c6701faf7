"""A clock that was ahead once: compaction goes on, and windows of now are not final."""

import time

import pytest

from sensor_platform_tests.field.core.homes import DAY, HOUR, MINUTE, send, series, upkeep
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home
from sensor_platform_tests.field.core.tables import ask, built, site_with

SITE = site_with()
START = time.time_ns() // 1000 // HOUR * HOUR - 7 * HOUR
"""Of now: what is right may depend on the real clock."""
JUMP = START + HOUR + 365 * DAY


def hour_of_segments(home: Home, hour: int, count: int = 5) -> None:
    """Segments a few minutes apart, each landed when it comes."""
    for number in range(count):
        at = START + hour * HOUR + number * 5 * MINUTE
        send(home, hour * 100 + number + 1, series(f"d{number % 3}", at, 1), at)


def landing_files(home: Home) -> int:
    return len(list(home.landing.glob("*/*.parquet")))


@pytest.fixture
def jumped(home: Home) -> Home:
    """A compacted hour, and one segment by a clock that is a year ahead."""
    hour_of_segments(home, 0)
    upkeep(home, START + 2 * HOUR)
    upkeep(home, START + 4 * HOUR)
    need(landing_files(home) == 1, "the hour before the jump is compacted")
    send(home, 99, series("d", START + 5 * HOUR, 1), JUMP)
    return home


def test_core_16_compaction_goes_on_after_one_commit_in_the_future(jumped: Home) -> None:
    for hour in range(6, 12):
        hour_of_segments(jumped, hour)
        upkeep(jumped, START + (hour + 2) * HOUR)
    upkeep(jumped, START + 16 * HOUR)
    assert landing_files(jumped) < 6 * 5, f"{landing_files(jumped)} files of six hours with five segments each"


def test_core_16_hours_of_now_are_not_final_after_one_commit_in_the_future(jumped: Home) -> None:
    hour_of_segments(jumped, 6)
    built(jumped, SITE, is_published=True)
    sql = f"select count(*) filter (is_final), count(*) from readings_1h where epoch_us(window_start) >= {START}"
    [(final, hours)] = ask(jumped.analytics_file, sql)
    need(hours > 0, "there are hours since the start")
    assert final == 0, f"{final} of {hours} hours are final, and none of them is older than a few hours"
