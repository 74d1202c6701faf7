"""The ledger's copy of the state of the warehouse."""

import sqlite3
from collections.abc import Iterator

import pytest

from sensor_platform.home import Home
from sensor_platform.landing.ledger import (
    StateRow,
    built_position,
    built_windows,
    copy_state,
    generation,
    open_ledger,
    replace_state,
)
from sensor_platform.landing.ledger.warehouse_copy import newest_built_position

MODEL = "readings_1h"


@pytest.fixture
def ledger(home: Home) -> Iterator[sqlite3.Connection]:
    with open_ledger(home) as connection:
        yield connection


def test_a_window_that_is_built_again_is_replaced(ledger: sqlite3.Connection) -> None:
    copy_state(ledger, [StateRow(MODEL, 0, "g", 1), StateRow(MODEL, 10, "g", 1), StateRow("other", 0, "g", 9)])
    copy_state(ledger, [StateRow(MODEL, 0, "g", 2)])
    assert built_windows(ledger, MODEL, 0, 11) == [StateRow(MODEL, 0, "g", 2), StateRow(MODEL, 10, "g", 1)]
    assert built_windows(ledger, MODEL, 1, 10) == []
    assert built_position(ledger, MODEL, 0, "g") == 2
    assert built_position(ledger, MODEL, 0, "another") is None


def test_the_copy_can_be_made_anew(ledger: sqlite3.Connection) -> None:
    copy_state(ledger, [StateRow(MODEL, 0, "g", 1)])
    replace_state(ledger, [StateRow(MODEL, 10, "g", 2)])
    assert built_windows(ledger, MODEL, 0, 100) == [StateRow(MODEL, 10, "g", 2)]
    replace_state(ledger)
    assert built_windows(ledger, MODEL, 0, 100) == []


def test_only_positions_of_this_generation_count_as_built(ledger: sqlite3.Connection) -> None:
    now = generation(ledger)
    copy_state(ledger, [StateRow(MODEL, 0, now, 3), StateRow(MODEL, 10, now, 5), StateRow(MODEL, 20, "old", 9)])
    assert newest_built_position(ledger, MODEL, 0, 100) == 5
    assert newest_built_position(ledger, MODEL, 0, 10) == 3
    assert newest_built_position(ledger, MODEL, 20, 100) == -1
