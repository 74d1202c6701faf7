"""Retention of the landing tier: which files may be deleted, and the new retention horizon."""

import sqlite3
from dataclasses import dataclass

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.kernel.days import EARLIEST
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.due_floor import day_of_file, due_floor
from sensor_platform.landing.housekeeping import delete_with_ledger
from sensor_platform.landing.ledger import (
    VisibleFile,
    files_wholly_before,
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
    held: int | None = None
    """Start of the day that keeps the floor below what is old enough by event, microseconds."""
    waits_at: int | None = None
    """Start of the first day that is due and waits for a person's confirmation, microseconds."""


def plan(ledger: sqlite3.Connection, keep_days: int, today: int, *, is_confirmed: bool = False) -> LandingPlan:
    """Plan what to delete: files older than `keep_days` by event and by arrival.

    A reading that arrived a short while ago is kept as long as every other, but where it came for a day that is frozen
    already, or that was too old when it arrived.

    Args:
        ledger: of the home.
        keep_days: days that files are kept, 0 for ever.
        today: of the retention clock, microseconds since the epoch, UTC.
        is_confirmed: a person has confirmed a step of any length.
    """
    if not keep_days:
        return LandingPlan(None, (), ())
    due = due_floor(ledger, keep_days, today)
    now_floor = landing_floor(ledger)
    if now_floor is not None and now_floor > today + DAY:
        return LandingPlan(None, (), ())  # a clock was ahead: what it froze must not be deleted too
    low = now_floor if now_floor is not None else EARLIEST
    floor = due.floor if due.limit is None or is_confirmed else min(due.floor, due.limit)
    days = touched_days(ledger, low, floor)
    is_moving = bool(days) and (now_floor is None or floor > now_floor)
    # a day more: the first slots that can be built again look back at those before them
    reached = floor if is_moving else now_floor
    files = () if reached is None else tuple(_files(ledger, reached - DAY, due.cutoff))
    return LandingPlan(
        floor if is_moving else None,
        tuple(days) if is_moving else (),
        files,
        due.floor if due.floor < due.cutoff else None,
        due.limit if due.waiting_days and not is_confirmed else None,
    )


def _files(ledger: sqlite3.Connection, before: int, cutoff: int) -> list[VisibleFile]:
    """Landing files that lie wholly below and came before the cutoff, and quarantine of that age."""
    # the day in the path is the one of arrival, of compacted files too
    last = {"landing": cutoff, "quarantine": min(cutoff, before)}
    return [file for file in files_wholly_before(ledger, before) if day_of_file(file.file) < last[file.kind]]


def arrivals(ledger: sqlite3.Connection) -> dict[int, int]:
    """Start of each day of event time to the start of the day in which something came for it last."""
    return {day: day_of_file(file) for day, file in last_file_of_days(ledger).items()}


def apply(home: Home, ledger: sqlite3.Connection, planned: LandingPlan, now: int) -> None:
    """Raise the floor, then delete. Killed in between, the next retention deletes the rest."""
    if planned.floor is not None:
        with transaction(ledger):
            raise_floor(ledger, home, planned.floor, now)
    delete_with_ledger(home, ledger, [each.file for each in planned.files])
