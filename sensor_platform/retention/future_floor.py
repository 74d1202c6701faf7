"""The way back for a home whose landing floor lies in the future, because a clock was ahead when retention ran."""

import sqlite3
from dataclasses import dataclass

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.ledger import landing_floor, last_deleted_slot, lower_floor, reopen_slots, touched_slots


@dataclass(frozen=True, slots=True)
class LoweredFloor:
    """A floor in the future, and where it can go back to. Microseconds since the epoch, UTC."""

    was: int
    floor: int
    """Start of the first day whose readings are all there still."""


def plan(ledger: sqlite3.Connection, today: int) -> LoweredFloor | None:
    """Where the floor can go back to; None if it does not lie in the future.

    Args:
        ledger: of the home.
        today: day of the clock or of the newest arrival, the smaller one, microseconds since the epoch, UTC.
    """
    floor = landing_floor(ledger)
    if floor is None or floor <= today + DAY:
        return None
    deleted = last_deleted_slot(ledger)
    # without a deleted slot every day that was ever touched can be built
    lowest = min(touched_slots(ledger, floor), default=today) if deleted is None else deleted + DAY
    lowest = lowest // DAY * DAY
    return LoweredFloor(floor, lowest) if lowest < floor else None


def apply(home: Home, ledger: sqlite3.Connection, planned: LoweredFloor, now: int) -> None:
    """Lower the floor; the slots above it are built again."""
    # touched first: killed in between, the floor still lies in the future and the next call does both
    reopen_slots(ledger, [slot for slot in touched_slots(ledger, planned.was) if slot >= planned.floor], {})
    with transaction(ledger):
        lower_floor(ledger, home, planned.floor, now)
