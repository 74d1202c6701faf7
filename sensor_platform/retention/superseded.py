"""Retention of superseded forecasts and scores: whole days of issue, without a proof. No table is made from them."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, from_micros, start_of_day
from sensor_platform.kernel.days import day_of
from sensor_platform.retention.warehouse_tiers import TierDay, withdraw_files
from sensor_platform.warehouse.file.duckdb_sql import table_names
from sensor_platform.warehouse.lineage import models
from sensor_platform.warehouse.published.withdrawal import is_waiting

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TABLES = ("predictions_superseded", "supervised_superseded")
_NO_DAY = date(1970, 1, 1)
"""The folder with the columns of a published table."""


def due(connection: "DuckDBPyConnection", home: Home, days: int, today: int) -> Iterator[TierDay]:
    """Days that are old enough and still have rows or published files; those of a killed retention are among them.

    Args:
        connection: the warehouse.
        home: the data folder.
        days: how long they are kept; 0 for ever.
        today: start of the day, microseconds since the epoch, UTC.
    """
    there = table_names(connection)
    before = today // DAY * DAY - days * DAY
    for table in TABLES if days else ():
        rows = _rows(connection, table, before) if table in there else {}
        for day in sorted({*rows, *_published(home, table, before)}):
            files = sorted((home.published / table / f"day={day.isoformat()}").glob("*.parquet"))
            if day not in rows and all(is_waiting(path) for path in files):
                continue
            yield TierDay(
                table=table,
                day=day,
                windows=0,
                rows=rows.get(day, 0),
                files=tuple(str(path.relative_to(home.root)) for path in files),
                bytes=sum(path.stat().st_size for path in files),
            )


def delete(connection: "DuckDBPyConnection", home: Home, days: Sequence[TierDay]) -> None:
    """Delete these days, of the tables first; those of other tables are left to others."""
    for table in TABLES:
        starts = [start_of_day(each.day) for each in days if each.table == table]
        if not starts:
            continue
        if table in table_names(connection):
            column = models()[table].window_column
            connection.execute(
                f"delete from {table} where list_contains(?::timestamp[], date_trunc('day', {column}))",  # noqa: S608 - our own names
                [[from_micros(start) for start in starts]],
            )
        for start in starts:
            withdraw_files(home, table, start)


def _rows(connection: "DuckDBPyConnection", table: str, before: int) -> dict[date, int]:
    column = models()[table].window_column
    found = connection.execute(
        f"select epoch_us(date_trunc('day', {column})) as d, count(*) from {table} where {column} < ? group by d",  # noqa: S608 - our own names
        [from_micros(before)],
    ).fetchall()
    return {day_of(day): int(count) for day, count in found}


def _published(home: Home, table: str, before: int) -> Iterator[date]:
    for folder in (home.published / table).glob("day=*"):
        day = date.fromisoformat(folder.name.removeprefix("day="))
        if day != _NO_DAY and start_of_day(day) < before:
            yield day
