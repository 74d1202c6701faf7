"""Days, which people and Dagster speak of, as spans of microseconds. Pure."""

from datetime import date, timedelta

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import DAY, start_of_day

Days = tuple[date, date]
"""First and last day, both included, UTC."""

ALL_TIME = (start_of_day(date(1900, 1, 1)), start_of_day(date(2200, 1, 1)))
"""Wider than any reading that lands: the lander quarantines what lies before the site's start or far in the future."""

EARLIEST, LATEST = -(1 << 62), 1 << 62
"""Before and after every time in microseconds that is stored."""


def filled_span(first: int | None, end: int | None) -> tuple[int, int]:
    """A span of microseconds whose open ends, None, are before and after everything."""
    return EARLIEST if first is None else first, LATEST if end is None else end


def day_span(days: Days) -> tuple[int, int]:
    """[start, end) of a range of days.

    Raises:
        WrongUse: the range ends before it begins.
    """
    first, last = days
    if last < first:
        raise WrongUse(f"the range ends on {last}, before it begins on {first}", "give the earlier day first")
    return start_of_day(first), start_of_day(last) + DAY


def day_of(start: int) -> date:
    """The UTC day that holds the instant."""
    return date(1970, 1, 1) + timedelta(microseconds=start)


def name(start: int, end: int) -> str:
    """A span of days for a person: `2026-01-01` or `2026-01-01..2026-01-07`."""
    first, last = day_of(start), day_of(end - 1)
    return str(first) if first == last else f"{first}..{last}"
