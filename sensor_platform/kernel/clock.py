"""Instants as integers: microseconds since the epoch, UTC. Everything in the package counts time this way."""

import time
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - DuckDB's TIMESTAMP has no zone; UTC by definition here


def now_micros() -> int:
    """The system's clock, in microseconds since the epoch, UTC."""
    return time.time_ns() // 1000


def from_micros(micros: int) -> datetime:
    """Plain UTC datetime, as a parameter for a TIMESTAMP column without a zone."""
    return _EPOCH + timedelta(microseconds=micros)


def to_micros(at: datetime) -> int:
    """Microseconds since the epoch of an aware datetime, or of a plain one that is UTC."""
    plain = at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    return (plain - _EPOCH) // timedelta(microseconds=1)
