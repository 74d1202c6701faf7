"""The analyst's view during a demo: predictions beside their actuals, from the published file, which is not locked."""

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sensor_platform.kernel.clock import plain_utc

READY_QUERY = """select p.device_id, p.metric, p.issued_at, p.target_at,
       p.lower, p.value as predicted, p.upper, a.mean as actual
from predictions p
join readings_1h a on a.device_id = p.device_id and a.metric = p.metric and a.window_start = p.target_at
order by p.target_at desc, p.metric, p.device_id, p.horizon_hours"""
"""Every prediction whose actual has arrived, newest first."""

_ISSUED = "select metric, count(*), max(issued_at) from predictions group by metric"
_MATCHED = (
    f"select metric, count(*) from ({READY_QUERY})"  # noqa: S608 - our own text
    " where issued_at < ? and target_at >= ? and actual is not null group by 1"
)
_LATEST = f"select * from ({READY_QUERY}) where issued_at < ? and actual is not null and metric = ? limit 2"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Compared:
    """One prediction and its actual value."""

    device_id: str
    metric: str
    issued_at: datetime
    target_at: datetime
    lower: float
    predicted: float
    upper: float
    actual: float


@dataclass(frozen=True, slots=True)
class Answers:
    """Contents of the published tables, by metric."""

    predictions: dict[str, int]
    newest_issued: dict[str, datetime]
    """Aware UTC."""
    matched: dict[str, int]
    """Predictions that were issued before the last day began and whose actual value is published."""
    latest: tuple[Compared, ...]


def read_answers(analytics: Path, cut: datetime) -> Answers | None:
    """Query the published file; None while the file or one of its tables does not exist."""
    import duckdb

    if not analytics.is_file():
        return None
    before = plain_utc(cut)
    try:
        with duckdb.connect(str(analytics), read_only=True) as connection:
            connection.execute("set threads = 1; set TimeZone = 'UTC'")
            with contextlib.suppress(duckdb.CatalogException):  # written by an earlier version: all is plain
                connection.execute("set schema = 'plain'")
            issued = connection.execute(_ISSUED).fetchall()
            matched = dict(connection.execute(_MATCHED, [before, before]).fetchall())
            latest = [
                row for metric in sorted(matched) for row in connection.execute(_LATEST, [before, metric]).fetchall()
            ]
    except (duckdb.CatalogException, duckdb.IOException):
        return None
    return Answers(
        predictions={metric: count for metric, count, _ in issued},
        newest_issued={metric: at.replace(tzinfo=UTC) for metric, _, at in issued},
        matched=matched,
        latest=tuple(Compared(*row) for row in latest),
    )
