"""The day that retention takes for today."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.ledger import RetentionClock, move_retention_clock, open_ledger, retention_clock
from sensor_platform.landing.ledger.retention_day import restore_retention_clock

YEARS = 3 * 365


def hear(home: Home, days: Iterable[int]) -> None:
    """Something arrives at noon of each of these days."""
    with open_ledger(home) as ledger:
        hours = [(day * DAY + 12 * HOUR,) for day in days]
        ledger.executemany("insert or ignore into arrivals (hour, received) values (?, 1)", hours)


def look(home: Home, day: float, *, is_confirmed: bool = False, is_kept: bool = True) -> RetentionClock | None:
    """As one retention by a clock that shows this day."""
    with open_ledger(home) as ledger:
        found = retention_clock(ledger, int(day * DAY), is_confirmed=is_confirmed)
        if found is not None and is_kept:
            with transaction(ledger):
                move_retention_clock(ledger, home, found, is_confirmed=is_confirmed)
    return found


def today(home: Home, day: float) -> int:
    found = look(home, day)
    assert found is not None
    return found.today // DAY


def test_before_the_first_arrival_there_is_no_day(home: Home) -> None:
    assert look(home, 500) is None


def test_each_day_it_is_the_day_of_the_clock(home: Home) -> None:
    for day in range(100, 140):
        hear(home, [day])
        assert today(home, day + 0.9) == day


def test_it_is_never_later_than_the_clock_or_the_newest_arrival(home: Home) -> None:
    hear(home, range(100, 140))
    assert today(home, 139.5 + YEARS) == 139
    assert today(home, 120.5) == 120, "a clock that is behind"


def test_an_arrival_of_years_ahead_moves_it_by_two_days_at_most_even_beside_a_clock_that_is_ahead(home: Home) -> None:
    for day in range(100, 140):
        hear(home, [day])
        assert today(home, day + 0.9) == day
    hear(home, [139 + YEARS])
    assert [today(home, 139.9 + YEARS) for _ in range(5)] == [141] * 5
    hear(home, [140])
    assert today(home, 140.5) == 140
    hear(home, [141, 142])
    assert today(home, 142.5) == 142


def test_so_does_one_in_a_home_in_which_retention_never_ran(home: Home) -> None:
    hear(home, [*range(100, 140), 139 + YEARS])
    assert today(home, 139.5 + YEARS) == 141


def test_after_a_long_pause_it_follows_by_two_days_for_each_day_with_arrivals_or_at_once_if_confirmed(
    home: Home,
) -> None:
    hear(home, [100])
    assert today(home, 100.9) == 100
    for day, expected in ((130, 102), (131, 104), (132, 106)):
        hear(home, [day])
        found = look(home, day + 0.9)
        assert found == RetentionClock(expected * DAY, day * DAY, day - 128)
        assert found.waiting_days == day - expected
    confirmed = look(home, 132.95, is_confirmed=True)
    assert confirmed is not None
    assert (confirmed.today, confirmed.waiting_days) == (132 * DAY, 0)
    hear(home, [133])
    assert today(home, 133.9) == 133


def test_it_survives_the_loss_of_the_ledger(home: Home) -> None:
    hear(home, [100])
    assert today(home, 100.9) == 100
    for file in home.ledger.glob("ledger.sqlite*"):
        file.unlink()
    hear(home, [100, 190, 191])
    with open_ledger(home) as ledger, transaction(ledger):
        restore_retention_clock(ledger, home)
    assert today(home, 191.9) == 104


@given(st.lists(st.tuples(st.integers(-1, YEARS), st.booleans()), max_size=12))
def test_whatever_the_clock_says_it_moves_by_two_days_for_each_day_with_arrivals(jumps: list[tuple[int, bool]]) -> None:
    """Each hour of a day the clock may be ahead or behind; sometimes something arrives by it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        hear(home, [999, 1000])
        assert today(home, 1000.9) == 1000
        heard = {1000}
        for jump, arrives in jumps:
            if arrives:
                heard.add(1000 + jump)
                hear(home, [1000 + jump])
            now = today(home, 1000.9 + jump)
            assert now <= 1000 + 2 * (len(heard) - 1)
            assert now <= min(1000 + jump, max(heard))
