"""Times on the command line: how long ago (`90s`, `30m`, `12h`, `7d`), or ISO 8601."""

import re
from datetime import UTC, datetime, timedelta

from sensor_platform.errors import WrongUse

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> timedelta:
    """A length of time.

    Raises:
        WrongUse: it is none.
    """
    match = re.fullmatch(r"(\d{1,9})([smhdw])", text.strip())
    if match is None:
        raise WrongUse(f"{text!r} is no length of time", "write a number and a unit: 90s, 30m, 12h, 7d")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError as error:
        raise WrongUse(f"{text} is longer than anything", "write a shorter time, for instance 90d") from error


def moment_of(text: str, now: datetime) -> datetime:
    """An aware time: so long before `now`, or as written (UTC where it names no zone).

    Raises:
        WrongUse: it is neither.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return _ago(text, now)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _ago(text: str, now: datetime) -> datetime:
    try:
        return now - duration(text)
    except (WrongUse, OverflowError) as error:
        raise WrongUse(
            f"{text!r} is no time", "write 2026-03-01T12:00 (UTC), or how long ago: 90s, 30m, 12h, 7d"
        ) from error
