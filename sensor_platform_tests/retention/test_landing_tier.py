"""What landing retention deletes, and the floor that it leaves."""

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.landing.ledger import landing_floor, open_ledger
from sensor_platform.retention.landing_tier import LandingPlan, apply, arrivals, plan
from sensor_platform_tests.landing.homes import T0, Message, land_all, seal_segment

MIDNIGHT = T0 // DAY * DAY


def message(days_ago: float) -> Message:
    return Message(b'{"id":"a","ts":%d,"t":1}' % (T0 // 10**6 - days_ago * 86_400))


@pytest.fixture
def landed(home: Home) -> Home:
    """A segment of each of the last five days, whose readings are of that day."""
    for age in range(5):
        seal_segment(home, 5 - age, [message(age)], received_at=T0 - age * DAY)
    land_all(home, now=T0)
    return home


def files(found: LandingPlan) -> list[str]:
    return [each.file.split("/")[1] for each in found.files]


def test_what_is_older_by_event_and_arrival_goes_but_for_a_day_that_is_looked_back_at(landed: Home) -> None:
    with open_ledger(landed) as ledger:
        found = plan(ledger, 2, T0)
        assert (found.floor, found.days) == (MIDNIGHT - 2 * DAY, (MIDNIGHT - 4 * DAY, MIDNIGHT - 3 * DAY))
        assert files(found) == ["2026-02-25"]
        apply(landed, ledger, found, T0)
        assert landing_floor(ledger) == found.floor
        assert plan(ledger, 2, T0) == LandingPlan(None, (), ())
    assert sorted(path.parent.name for path in landed.landing.glob("*/*.parquet")) == [
        "2026-02-26", "2026-02-27", "2026-02-28", "2026-03-01",
    ]  # fmt: skip


def test_kept_for_ever_nothing_goes(landed: Home) -> None:
    with open_ledger(landed) as ledger:
        assert plan(ledger, 0, T0) == LandingPlan(None, (), ())


def test_a_reading_that_came_a_short_while_ago_keeps_the_floor_below_it(landed: Home) -> None:
    seal_segment(landed, 9, [message(3)], received_at=T0 - DAY)
    land_all(landed, now=T0)
    with open_ledger(landed) as ledger:
        found = plan(ledger, 2, T0)
        assert (found.floor, found.held, files(found)) == (MIDNIGHT - 3 * DAY, MIDNIGHT - 3 * DAY, [])
        assert arrivals(ledger)[MIDNIGHT - 3 * DAY] == MIDNIGHT - DAY
        assert arrivals(ledger)[MIDNIGHT - 4 * DAY] == MIDNIGHT - 4 * DAY


def test_a_reading_that_was_too_old_when_it_came_does_not_hold_the_floor(landed: Home) -> None:
    seal_segment(landed, 9, [message(3)], received_at=T0)
    land_all(landed, now=T0)
    with open_ledger(landed) as ledger:
        found = plan(ledger, 2, T0)
    assert (found.floor, found.held, files(found)) == (MIDNIGHT - 2 * DAY, None, ["2026-02-25"])


def test_in_a_young_home_history_that_comes_is_kept_as_long_as_everything_else(landed: Home) -> None:
    seal_segment(landed, 9, [message(900)], received_at=T0)
    land_all(landed, now=T0)
    with open_ledger(landed) as ledger:
        assert plan(ledger, 5, T0).floor is None, "nothing has been there for five days"
        assert plan(ledger, 5, T0).held == MIDNIGHT - 900 * DAY


def test_a_floor_in_the_future_deletes_nothing(landed: Home) -> None:
    with open_ledger(landed) as ledger:
        ledger.execute("insert into meta values ('landing_floor', ?), ('landing_floors', ?)", *future(T0 + 900 * DAY))
        assert plan(ledger, 2, T0) == LandingPlan(None, (), ())


def future(floor: int) -> tuple[tuple[str, str]]:
    return ((str(floor), f"[[{floor}, {floor}]]"),)
