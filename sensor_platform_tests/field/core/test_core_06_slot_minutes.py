"""Another `slot_minutes` for an existing home: refused, or carried out without a lost row and with upkeep going on."""

import pytest

from sensor_platform_tests.field.core.homes import DAY, HOUR, T0, land, seal, send, series, upkeep
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home, PlatformError
from sensor_platform_tests.field.core.tables import ask, built, dirty, site_with

COUNT = 1200
TEN, FIVE = site_with(slot_minutes=10), site_with(slot_minutes=5)


@pytest.fixture
def filled(home: Home) -> Home:
    """Twenty minutes of readings, landed and built with slots of ten."""
    send(home, 1, series("d", T0, COUNT), T0 + HOUR)
    built(home, TEN)
    need(ask(home.warehouse_file, "select count(*) from readings_clean") == [(COUNT,)], "all readings are built")
    return home


def landed_in_fives(home: Home) -> bool:
    """Land a late reading with the new grid; whether it was not refused, which is a right answer too."""
    seal(home, 2, series("d", T0 + 2_500_000, 1), T0 + HOUR)
    try:
        land(home, T0 + HOUR + 1, slot_minutes=5)
    except PlatformError as error:
        refusal = f"{error.message} {error.hint}"
    else:
        return True
    assert "slot_minutes" in refusal, f"a refusal that does not name the key: {refusal}"
    return False


def test_core_06_no_row_is_lost_by_another_grid(filled: Home) -> None:
    if not landed_in_fives(filled):
        return
    try:
        built(filled, FIVE)
    except PlatformError as error:
        refusal = f"{error.message} {error.hint}"
        need("slot_minutes" in refusal, refusal)
        return
    rows = ask(filled.warehouse_file, "select count(*) from readings_clean")
    days = ask(filled.warehouse_file, "select sum(n)::bigint from readings_1d")
    assert (rows, days) == ([(COUNT + 1,)], [(COUNT + 1,)]), "rows of the tables are lost without a word"
    assert not dirty(filled, FIVE)


def test_core_06_the_raw_archive_expires_with_another_grid(filled: Home) -> None:
    if not landed_in_fives(filled):
        return
    send(filled, 3, series("later", T0 + 30 * DAY, 1), T0 + 30 * DAY)
    problem = ""
    try:
        upkeep(filled, T0 + 30 * DAY, slot_minutes=5)
    except PlatformError as error:
        problem = error.message
    assert not list(filled.raw.glob("2026-03-01/*.zst")), f"nothing expires any more, upkeep ends with: {problem}"
