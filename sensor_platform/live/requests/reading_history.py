"""History of one device and metric from the published files: read-only, without waiting for a writer."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.durations import duration
from sensor_platform.warehouse.lineage import dbt_tables
from sensor_platform.warehouse.published.published_file import open_published

_TABLES = (("1d", "readings_1d"), ("1h", "readings_1h"), ("1m", "readings_1m"), ("10s", "readings_10s"))
RAW = "raw"
_MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """What a request asks for. Times are plain UTC."""

    device: str
    metric: str
    start: datetime
    end: datetime
    window: str
    """`raw`, a duration, or `auto` for the finest window with at most about 2,000 points."""


def window_for(query: HistoryQuery) -> str:
    """Return the window to use.

    Raises:
        WrongUse: it is not a window.
    """
    if query.window == "auto":
        span = (query.end - query.start).total_seconds()
        return next(name for name, _ in reversed(_TABLES) if span / (duration(name) / 1e6) <= 2_000 or name == "1d")
    if query.window == RAW:
        return RAW
    try:
        size = duration(query.window)
    except ValueError as error:
        raise WrongUse(f"window: {error}", "write raw, auto, 10s, 1m, 5m, 1h, 1d") from error
    if size < duration("10s") or size % duration("10s"):
        raise WrongUse(f"window {query.window} is not a multiple of 10s", "write raw, auto, 10s, 1m, 5m, 1h, 1d")
    return query.window


def history(home: Home, query: HistoryQuery) -> dict[str, Any]:
    """Return at most 20,000 readings or windows, oldest first, with times in microseconds.

    Raises:
        Unreachable: nothing is published yet.
        WrongUse: it is not a window.
    """
    window = window_for(query)
    if window == RAW:
        sql = (
            "select epoch_us(event_at) as at, value, verdict from readings_clean"
            " where device_id = ? and metric = ? and day between ? and ? and event_at >= ? and event_at < ?"
            " and value is not null order by 1 limit ?"
        )
    else:
        sql = _windowed(duration(window))
    days = (query.start.date() - timedelta(days=1), query.end.date())
    parameters = [query.device, query.metric, *days, query.start, query.end, _MOST_ROWS]
    columns, rows = _ask(home, sql, parameters)
    return {"window": window, "columns": columns, "rows": rows, "is_cut": len(rows) == _MOST_ROWS}


def forecast(home: Home, device: str, metric: str, start: datetime, end: datetime) -> dict[str, Any]:
    """Return the newest forecast of each hour with its band."""
    sql = (
        "select epoch_us(target_at) as at, arg_max(value, issued_at) as value, arg_max(lower, issued_at) as lower,"
        " arg_max(upper, issued_at) as upper from predictions where device_id = ? and metric = ?"
        " and target_at >= ? and target_at < ? group by 1 order by 1 limit ?"
    )
    columns, rows = _ask(home, sql, [device, metric, start, end, _MOST_ROWS])
    return {"columns": columns, "rows": rows}


def anomalies(home: Home, device: str, metric: str, start: datetime, end: datetime) -> dict[str, Any]:
    """Return the anomalous hours: mean, score divided by threshold, and reason."""
    sql = (
        "select epoch_us(window_start) as at, value, score / threshold as score, reason from anomalies"
        " where device_id = ? and metric = ? and is_anomaly and window_start >= ? and window_start < ?"
        " order by 1 limit ?"
    )
    columns, rows = _ask(home, sql, [device, metric, start, end, _MOST_ROWS])
    return {"columns": columns, "rows": rows}


def has_table(home: Home, name: str) -> bool:
    """Whether a table is published."""
    return (home.published / name).is_dir()


def newest_of(home: Home) -> dict[str, float]:
    """Return the newest data time of each published layer, seconds since the epoch."""
    found: dict[str, float] = {}
    layers = {name: table.time_column for name, table in dbt_tables().items() if table.freshness}
    layers["predictions"] = "issued_at"
    for table, column in layers.items():
        newest = _newest_day(home.published / table)
        if newest is None:
            continue
        _, rows = _ask(home, f"select epoch(max({column})) from {table} where day >= ?", [newest])  # noqa: S608 - our own names
        if rows and rows[0][0] is not None:
            found[table] = float(rows[0][0])
    return found


def now_plain() -> datetime:
    """Return the current time as plain UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def _newest_day(folder: Path) -> str | None:
    if not folder.is_dir():
        return None
    days = [path.name.removeprefix("day=") for path in folder.iterdir() if path.name.startswith("day=")]
    return max((day for day in days if day != "1970-01-01"), default=None)


def _windowed(size: int) -> str:
    """SQL of windows of any multiple of a published tier, computed exactly from the coarsest tier that divides it."""
    table = next(name for tier, name in _TABLES if size % duration(tier) == 0)
    bucket = f"time_bucket(interval '{size} microseconds', window_start, timestamp '1970-01-01 00:00:00')"
    return (
        f"select epoch_us({bucket}) as at, cast(sum(n) as bigint) as n, min(min) as min, max(max) as max,"  # noqa: S608 - our own names and numbers
        " sum(sum) / nullif(sum(n), 0) as mean, arg_min(first, first_at) as first, arg_max(last, last_at) as last"
        f" from {table} where device_id = ? and metric = ? and day between ? and ?"
        " and window_start >= ? and window_start < ? group by 1 order by 1 limit ?"
    )


def _ask(home: Home, sql: str, parameters: list[Any]) -> tuple[list[str], list[list[Any]]]:
    import duckdb

    if not home.analytics_file.exists():
        raise Unreachable("nothing is published yet", "wait for the first run of the tables")
    with open_published(home, threads=2) as connection:
        try:
            result = connection.execute(sql, parameters)
        except duckdb.CatalogException as error:
            raise Unreachable("this table is not published", "wait for the first run of it") from error
        return [column[0] for column in result.description or ()], [list(row) for row in result.fetchall()]
