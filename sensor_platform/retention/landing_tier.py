"""Retention of the landing tier: which files may be deleted, and the new retention horizon."""

import sqlite3
from dataclasses import dataclass
from datetime import date

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, start_of_day
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.housekeeping import delete_with_ledger
from sensor_platform.landing.ledger import (
    VisibleFile,
    files_wholly_before,
    first_slots,
    landing_floor,
    last_file_of_days,
    raise_floor,
    touched_days,
)


@dataclass(frozen=True, slots=True)
class LandingPlan:
    """What landing retention would do."""

    floor: int | None
    """Slots that start before it are frozen then, microseconds; None where it does not move."""
    days: tuple[int, ...]
    """Starts of the days with slots that it freezes."""
    files: tuple[VisibleFile, ...]


def plan(ledger: sqlite3.Connection, keep_days: int, now: int) -> LandingPlan:
    """Plan what to delete: files older than `days` by event and by arrival.

    A reading that arrived a short while ago is kept as long as every other, however old its event: the floor stays
    below it, but where it came for a day that is frozen already.
    """
    if not keep_days:
        return LandingPlan(None, (), ())
    cutoff = now // DAY * DAY - keep_days * DAY
    now_floor = landing_floor(ledger)
    low = now_floor if now_floor is not None else -(1 << 62)
    young = min((start for file, start in first_slots(ledger, low, cutoff) if _day(file) >= cutoff), default=None)
    floor = cutoff if young is None else min(cutoff, young // DAY * DAY)
    days = touched_days(ledger, low, floor)
    is_moving = bool(days) and (now_floor is None or floor > now_floor)
    # a day more: the first slots that can be built again look back at those before them
    reached = floor if is_moving else now_floor
    files = () if reached is None else tuple(_files(ledger, reached - DAY, cutoff))
    return LandingPlan(floor if is_moving else None, tuple(days) if is_moving else (), files)


def _files(ledger: sqlite3.Connection, before: int, cutoff: int) -> list[VisibleFile]:
    """Landing files that lie wholly below and came before the cutoff, and quarantine of that age."""
    # the day in the path is the one of arrival, of compacted files too
    last = {"landing": cutoff, "quarantine": min(cutoff, before)}
    return [file for file in files_wholly_before(ledger, before) if _day(file.file) < last[file.kind]]


def _day(file: str) -> int:
    return start_of_day(date.fromisoformat(file.split("/")[-2]))


def arrivals(ledger: sqlite3.Connection) -> dict[int, int]:
    """Start of each day of event time to the start of the day in which something came for it last."""
    return {day: _day(file) for day, file in last_file_of_days(ledger).items()}


def apply(home: Home, ledger: sqlite3.Connection, planned: LandingPlan, now: int) -> None:
    """Raise the floor, then delete. Killed in between, the next retention deletes the rest."""
    if planned.floor is not None:
        with transaction(ledger):
            raise_floor(ledger, home, planned.floor, now)
    delete_with_ledger(home, ledger, [each.file for each in planned.files])
