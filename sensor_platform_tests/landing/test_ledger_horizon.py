"""Slots that nobody may build again."""

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.ledger import (
    NO_HORIZON,
    Horizon,
    landing_floor,
    open_ledger,
    raise_floor,
    retention_horizon,
)
from sensor_platform.landing.ledger.horizon import floor_at, late_frozen_rows, restore_floor


@pytest.mark.parametrize(
    ("start", "end", "holds"), [(90, 100, True), (100, 110, False), (110, 130, True), (130, 140, False)]
)
def test_slots_below_the_floor_and_those_that_are_held_are_frozen(start: int, end: int, holds: bool) -> None:
    assert Horizon(100, frozenset({120})).holds(start, end) is holds
    assert not NO_HORIZON.holds(start, end)


def test_the_floor_never_sinks_and_the_one_of_an_earlier_time_is_known(home: Home) -> None:
    with open_ledger(home) as ledger:
        assert (landing_floor(ledger), floor_at(ledger, 99), retention_horizon(ledger)) == (None, None, NO_HORIZON)
        for floor, now in ((100, 10), (50, 20), (200, 30)):
            with transaction(ledger):
                raise_floor(ledger, home, floor, now)
        assert (landing_floor(ledger), retention_horizon(ledger)) == (200, Horizon(200))
        assert [floor_at(ledger, at) for at in (10, 11, 30, 31)] == [None, 100, 100, 200]


def test_the_floor_survives_the_loss_of_the_ledger(home: Home) -> None:
    with open_ledger(home) as ledger, transaction(ledger):
        restore_floor(ledger, home)
        raise_floor(ledger, home, 100, 10)
    for file in home.ledger.glob("ledger.sqlite*"):
        file.unlink()
    with open_ledger(home) as ledger:
        with transaction(ledger):
            restore_floor(ledger, home)
        assert (landing_floor(ledger), floor_at(ledger, 11)) == (100, 100)


def test_readings_that_came_too_late_are_counted_and_damaged_files_hold_their_slots(home: Home) -> None:
    with open_ledger(home) as ledger:
        assert late_frozen_rows(ledger) == 0
        ledger.executemany("insert into late_frozen values (?, ?, ?, 1)", [("s1", 10, 3), ("s2", 10, 4)])
        ledger.executemany("insert into held_slots values (?, ?)", [(120, "a"), (120, "b")])
        assert late_frozen_rows(ledger) == 7
        assert retention_horizon(ledger) == Horizon(held=frozenset({120}))
