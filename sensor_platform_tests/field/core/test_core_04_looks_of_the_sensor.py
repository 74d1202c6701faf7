"""What one look of the ledger sensor costs under data that never pauses does not grow with the history."""

from sensor_platform_tests.field.core.homes import HOUR, T0, land, send, series
from sensor_platform_tests.field.core.ledgers import with_history, with_nothing_built
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home, dirty_days
from sensor_platform_tests.field.core.tables import dirty, site_with
from sensor_platform_tests.field.core.work import work_of

SITE = site_with()


def cost_of_a_second_look(home: Home, days: int) -> int:
    """Work of the look after the first, with today dirty in both."""
    with_history(home, SITE, days)
    need([one.day.isoformat() for one in dirty(home, SITE)] == ["2026-03-01"], "only today is dirty")
    return work_of(lambda: dirty(home, SITE))


def test_core_04_a_look_costs_with_what_is_dirty_and_not_with_the_history(home: Home) -> None:
    send(home, 1, series("d", T0, 1), T0 + HOUR)
    land(home, T0 + HOUR)
    few, many = cost_of_a_second_look(home, 10), cost_of_a_second_look(home, 60)
    assert many < 2 * few, f"a look at 10 days of history takes {few} steps, at 60 days {many}"


def cost_of_a_first_look(home: Home, days: int) -> int:
    """At every table, of which nothing is built."""
    with_nothing_built(home, SITE, days)
    return work_of(lambda: dirty_days(home, SITE))


def test_core_04_a_first_look_costs_with_the_windows_and_not_with_the_reach_of_each(home: Home) -> None:
    send(home, 1, series("d", T0, 1), T0 + HOUR)
    few, many = cost_of_a_first_look(home, 10), cost_of_a_first_look(home, 40)
    assert many < 5 * few, f"a first look at 10 days takes {few} steps, at 40 days {many}"
