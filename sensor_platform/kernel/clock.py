"""Instants as integers: microseconds since the epoch, UTC. The whole package counts time this way."""

import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN_EPOCH = EPOCH.replace(tzinfo=None)


def now_micros() -> int:
    """The system's clock, in microseconds since the epoch, UTC."""
    return time.time_ns() // 1000


def from_micros(micros: int) -> datetime:
    """Plain UTC datetime, as a parameter for a TIMESTAMP column without a zone."""
    return _PLAIN_EPOCH + timedelta(microseconds=micros)


def utc_from_micros(micros: int) -> datetime:
    """Aware UTC datetime of microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=micros)


def to_micros(at: datetime) -> int:
    """Microseconds since the epoch of an aware datetime, or of a plain one that is UTC."""
    gap = at - (EPOCH if at.tzinfo else _PLAIN_EPOCH)
    # Not through another zone or a float: the years 1 and 9999 overflow there, and late years lose microseconds.
    return (gap.days * 86_400 + gap.seconds) * SECOND + gap.microseconds


def start_of_day(day: date) -> int:
    """Microseconds since the epoch at which a UTC day begins."""
    return to_micros(datetime.combine(day, clock_time()))


def plain_utc(at: datetime) -> datetime:
    """The same instant without a zone, for a TIMESTAMP column; a plain datetime is UTC already."""
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def aware_utc(at: datetime) -> datetime:
    """The same instant as an aware UTC datetime; a plain datetime is taken as UTC."""
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
