"""Days, which people and Dagster speak of, as spans of microseconds. Pure."""

from datetime import date, datetime, timedelta

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import DAY, to_micros

Days = tuple[date, date]
"""First and last day, both included, UTC."""

ALL_TIME = (to_micros(datetime(1900, 1, 1)), to_micros(datetime(2200, 1, 1)))  # noqa: DTZ001 - plain UTC
"""Wider than any reading that lands: the lander quarantines what lies before the site's start or far in the future."""


def day_span(days: Days) -> tuple[int, int]:
    """[start, end) of a range of days.

    Raises:
        WrongUse: the range ends before it begins.
    """
    first, last = days
    if last < first:
        raise WrongUse(f"the range ends on {last}, before it begins on {first}", "give the earlier day first")
    return _start(first), _start(last) + DAY


def day_of(start: int) -> date:
    """The UTC day that holds the instant."""
    return date(1970, 1, 1) + timedelta(microseconds=start)


def name(start: int, end: int) -> str:
    """A span of days for a person: `2026-01-01` or `2026-01-01..2026-01-07`."""
    first, last = day_of(start), day_of(end - 1)
    return str(first) if first == last else f"{first}..{last}"


def _start(day: date) -> int:
    return to_micros(datetime(day.year, day.month, day.day))  # noqa: DTZ001 - plain UTC
