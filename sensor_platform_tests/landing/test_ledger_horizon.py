"""Slots that nobody may build again."""

import json

import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.integrity.damage import forget_damage
from sensor_platform.landing.ledger import (
    NO_HORIZON,
    Horizon,
    landing_floor,
    open_ledger,
    raise_floor,
    read_ledger,
    released_times,
    retention_horizon,
)
from sensor_platform.landing.ledger.horizon import floor_at, floor_limit, late_frozen_rows, restore_floor


@pytest.mark.parametrize(
    ("start", "end", "holds"), [(90, 100, True), (100, 110, False), (110, 130, True), (130, 140, False)]
)
def test_slots_below_the_floor_and_those_that_are_held_are_frozen(start: int, end: int, holds: bool) -> None:
    assert Horizon(100, frozenset({120})).holds(start, end) is holds
    assert not NO_HORIZON.holds(start, end)


def test_the_floor_never_sinks_and_the_one_of_an_earlier_time_is_known(home: Home) -> None:
    with open_ledger(home) as ledger:
        assert (landing_floor(ledger), floor_at(ledger, 99), retention_horizon(ledger)) == (None, None, NO_HORIZON)
        for floor, now in ((100, 110), (50, 120), (200, 230)):
            with transaction(ledger):
                raise_floor(ledger, home, floor, now)
        assert (landing_floor(ledger), retention_horizon(ledger)) == (200, Horizon(200))
        assert [floor_at(ledger, at) for at in (110, 111, 230, 231)] == [None, 100, 100, 200]


def test_no_floor_is_set_above_the_clock_or_the_newest_arrival(home: Home) -> None:
    with open_ledger(home) as ledger:
        with pytest.raises(WrongUse, match="the landing floor cannot be"), transaction(ledger):
            raise_floor(ledger, home, 1000 * DAY, 999 * DAY)
        ledger.execute("insert into arrivals (hour, received) values (?, 1)", (998 * DAY,))
        with pytest.raises(WrongUse, match="the landing floor cannot be"), transaction(ledger):
            raise_floor(ledger, home, 999 * DAY, 2000 * DAY)
        assert landing_floor(ledger) is None


def test_the_floor_may_move_two_days_for_each_day_with_arrivals(home: Home) -> None:
    with open_ledger(home) as ledger:
        assert floor_limit(ledger) is None
        for day in (500, 501):
            ledger.execute("insert into arrivals (hour, received) values (?, 1)", (day * DAY,))
        with transaction(ledger):
            raise_floor(ledger, home, 100 * DAY, 501 * DAY)
        assert floor_limit(ledger) == 100 * DAY, "nothing has arrived since"
        for day in (502, 502 + 3000):  # one of them by a clock that is years ahead
            ledger.execute("insert into arrivals (hour, received) values (?, 1)", (day * DAY,))
        assert floor_limit(ledger) == 104 * DAY


def test_floors_of_an_earlier_version_have_no_number_of_days_and_count_from_their_time(home: Home) -> None:
    with open_ledger(home) as ledger:
        ledger.executemany(
            "insert into arrivals (hour, received) values (?, 1)", [(day * DAY,) for day in (500, 501, 502)]
        )
        floors = json.dumps([[501 * DAY - 1, 100 * DAY]])
        ledger.execute("insert into meta values ('landing_floors', ?), ('landing_floor', ?)", (floors, str(100 * DAY)))
        assert floor_limit(ledger) == 104 * DAY


def test_the_floor_survives_the_loss_of_the_ledger(home: Home) -> None:
    with open_ledger(home) as ledger, transaction(ledger):
        restore_floor(ledger, home)
        raise_floor(ledger, home, 100, 110)
    for file in home.ledger.glob("ledger.sqlite*"):
        file.unlink()
    with open_ledger(home) as ledger:
        with transaction(ledger):
            restore_floor(ledger, home)
        assert (landing_floor(ledger), floor_at(ledger, 111)) == (100, 100)


def test_readings_that_came_too_late_are_counted_and_damaged_files_hold_their_slots(home: Home) -> None:
    with open_ledger(home) as ledger:
        assert late_frozen_rows(ledger) == 0
        ledger.executemany("insert into late_frozen values (?, ?, ?, 1)", [("s1", 10, 3), ("s2", 10, 4)])
        ledger.executemany("insert into held_slots values (?, ?)", [(120, "a"), (120, "b")])
        assert late_frozen_rows(ledger) == 7
        assert retention_horizon(ledger) == Horizon(held=frozenset({120}))


def test_every_release_of_a_held_slot_is_counted_and_a_new_hold_is_not(home: Home) -> None:
    with open_ledger(home) as ledger:
        ledger.executemany("insert into held_slots values (?, ?)", [(120, "a"), (130, "a"), (120, "b")])
        assert released_times(ledger) == 0
        forget_damage(ledger, ["c"])
        assert released_times(ledger) == 0
        forget_damage(ledger, ["a"])
        assert released_times(ledger) == 2
        ledger.execute("insert into held_slots values (130, 'a')")
        ledger.execute("delete from held_slots")
    with read_ledger(home) as kept:
        assert kept is not None
        assert released_times(kept) == 4
