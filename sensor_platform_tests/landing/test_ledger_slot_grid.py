"""The slot grid of a home: recorded once, and every other one refused with the key to set back."""

import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.landing.ledger import check_grid, keep_grid, open_ledger, recorded_grid

TEN_MINUTES = 600_000_000


def test_a_new_home_takes_the_grid_of_the_site_and_keeps_it(home: Home) -> None:
    assert recorded_grid(home) is None
    check_grid(home, 5)
    with open_ledger(home) as ledger:
        keep_grid(ledger, 10)
        keep_grid(ledger, 10)
    assert recorded_grid(home) == 10
    check_grid(home, 10)


def test_another_grid_is_refused_with_the_key_to_set_back(home: Home) -> None:
    with open_ledger(home) as ledger:
        keep_grid(ledger, 10)
        with pytest.raises(WrongUse, match="slot_minutes is 5") as refusal:
            keep_grid(ledger, 5)
    assert "set slot_minutes back to 10" in refusal.value.hint
    with pytest.raises(WrongUse, match="slot_minutes is 5"):
        check_grid(home, 5)
    assert recorded_grid(home) == 10


def test_an_older_home_takes_only_a_grid_on_which_its_slots_lie(home: Home) -> None:
    with open_ledger(home) as ledger:
        ledger.execute("insert into slots values (?, 1)", (7 * TEN_MINUTES,))
        with pytest.raises(WrongUse, match="slot_minutes is 15"):
            keep_grid(ledger, 15)
        assert recorded_grid(home) is None
        keep_grid(ledger, 10)
    assert recorded_grid(home) == 10


def test_a_ledger_that_cannot_be_read_has_no_grid(home: Home) -> None:
    home.ledger.mkdir(parents=True, exist_ok=True)
    home.ledger_file.write_bytes(b"not a database")
    assert recorded_grid(home) is None
