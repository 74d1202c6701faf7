"""A clock that is ahead during one upkeep: nothing young is deleted, and what comes later is still built."""

import pytest

from sensor_platform_tests.field.core.homes import DAY, HOUR, T0, send, series, upkeep
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home
from sensor_platform_tests.field.core.tables import ask, built, retain, site_with

SITE = site_with()
DAYS = "select cast(window_start as date)::varchar, n::int from readings_1d order by 1"


@pytest.fixture
def filled(home: Home) -> Home:
    for day in range(3):
        send(home, day + 1, series("d", T0 + day * DAY, 20), T0 + day * DAY + HOUR)
    built(home, SITE, is_published=True)
    need(len(ask(home.warehouse_file, DAYS)) == 3, "three days are built")
    return home


def test_core_08_retention_by_a_clock_three_years_ahead_deletes_nothing_and_freezes_nothing(filled: Home) -> None:
    home = filled
    retain(home, SITE, T0 + 3 * 365 * DAY)
    landing = len(list(home.landing.glob("*/*.parquet")))
    for day in (3, 4):
        send(home, day + 1, series("d", T0 + day * DAY, 20), T0 + day * DAY + HOUR)
    built(home, SITE, is_published=True)
    days = ask(home.warehouse_file, DAYS)
    assert [n for _, n in days] == [20] * 5, f"days that are built once the clock is right again: {days}"
    assert landing == 3, f"{landing} of 3 landing files are left"


def test_core_08_upkeep_by_a_clock_ten_days_ahead_keeps_the_raw_archive(filled: Home) -> None:
    need(len(list(filled.raw.glob("*/*.zst"))) == 3, "three segments are archived")
    upkeep(filled, T0 + 12 * DAY)
    assert len(list(filled.raw.glob("*/*.zst"))) == 3
