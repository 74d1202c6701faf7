"""Where the landing floor is due: how old a slot has to be before nothing changes it any more.

It is here, not in `retention`, because `long_steps` needs it.
"""

import sqlite3
from dataclasses import dataclass
from datetime import date

from sensor_platform.kernel.clock import DAY, start_of_day
from sensor_platform.kernel.days import EARLIEST
from sensor_platform.landing.ledger import first_arrival_day, first_slots, floor_limit, import_days, landing_floor


@dataclass(frozen=True, slots=True)
class DueFloor:
    """The floor that the site's settings ask for. Times are microseconds since the epoch, UTC."""

    cutoff: int
    """Start of the first day that is young enough by event."""
    floor: int
    """The cutoff, or less, where readings that arrived later for an older day are kept as long as all others."""
    limit: int | None
    """How far the floor may move without a person's confirmation; None where there is no floor yet."""

    @property
    def waiting_days(self) -> int:
        """Days by which the floor is due and may not move yet."""
        return 0 if self.limit is None else max(0, (self.floor - self.limit) // DAY)


def due_floor(ledger: sqlite3.Connection, keep_days: int, today: int) -> DueFloor:
    """Where the floor is due.

    A reading that arrived while its day was still kept keeps the floor below it, as long as any other reading is kept.
    One that was older than that when it arrived (a device with a stuck clock) does not: otherwise one device could hold
    the floor, and the files of all others, for ever. Imports always do, and so does what arrives in a young home, where
    nothing was due yet: both are history that somebody wants.

    Args:
        ledger: of the home.
        keep_days: days that landing files are kept, at least 1.
        today: of the retention clock, microseconds since the epoch, UTC.
    """
    cutoff = today // DAY * DAY - keep_days * DAY
    floor = landing_floor(ledger)
    imported = import_days(ledger)
    grown = (first_arrival_day(ledger) or 0) + keep_days * DAY
    young = [
        start
        for file, start in first_slots(ledger, EARLIEST if floor is None else floor, cutoff)
        if (day := day_of_file(file)) >= cutoff and (day < grown or day in imported or start >= day - keep_days * DAY)
    ]
    return DueFloor(cutoff, min([cutoff, *(start // DAY * DAY for start in young)]), floor_limit(ledger))


def day_of_file(file: str) -> int:
    """Start of the UTC day of arrival, which is in the path of a landing file (relative to home)."""
    return start_of_day(date.fromisoformat(file.split("/")[-2]))
