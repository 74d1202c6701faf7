"""Times as DuckDB and SQLite keep them here: microseconds since the epoch, UTC. Pure."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - DuckDB's TIMESTAMP has no zone; UTC by definition here


def from_micros(micros: int) -> datetime:
    """Plain UTC datetime for a bound TIMESTAMP parameter."""
    return _EPOCH + timedelta(microseconds=micros)


def to_micros(at: datetime) -> int:
    """Microseconds since the epoch of an aware datetime, or of a plain one that is UTC."""
    plain = at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    return (plain - _EPOCH) // timedelta(microseconds=1)
