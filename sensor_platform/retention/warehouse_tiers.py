"""Retention of the tables: which days of which tier may be deleted, their verification and their deletion.

A day is deleted when it and the last arrival in it are old enough, none of its windows is dirty, the coarser tier holds
the same aggregates, and that tier is published. The state of deleted windows is kept, so that they do not become dirty.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, from_micros, start_of_day
from sensor_platform.kernel.days import day_of
from sensor_platform.retention.config import RetentionConfig
from sensor_platform.warehouse.file.duckdb_sql import table_names, transaction
from sensor_platform.warehouse.lineage import READINGS, Model, dbt_tables, models, published, tiers
from sensor_platform.warehouse.meta import Grain
from sensor_platform.warehouse.published import partition_files
from sensor_platform.warehouse.published.withdrawal import withdraw
from sensor_platform.warehouse.staleness import state, trimmed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FINE_READINGS = """
    select device_id, metric, date_trunc('{grain}', event_at) as w, count(case when verdict <> 'bad' then 1 end) as n,
        min(case when verdict <> 'bad' then value end) as least,
        max(case when verdict <> 'bad' then value end) as most
    from {table} where value is not null and {window} >= ? and {window} < ? group by all"""
_FINE_TIER = """
    select device_id, metric, date_trunc('{grain}', window_start) as w, sum(n) as n, min(min) as least, max(max) as most
    from {table} where {window} >= ? and {window} < ? group by all"""
"""What a table holds, by device, metric and window of the coarser one; parameters: start and end of the day."""


def trimmed_tables() -> dict[str, str]:
    """Tables that are trimmed, and the coarser one that must hold what they held."""
    return {name: table.proved_by for name, table in dbt_tables().items() if table.proved_by}


@dataclass(frozen=True, slots=True)
class TierDay:
    """One day of one table that is deleted."""

    table: str
    day: date
    windows: int
    """Windows in the state."""
    rows: int
    files: tuple[str, ...]
    """Published files, relative to home."""
    bytes: int


@dataclass(frozen=True, slots=True)
class KeptDay:
    """One day that is old enough but kept, with the reason."""

    table: str
    day: date
    why: str


def due(
    connection: "DuckDBPyConnection",
    home: Home,
    config: RetentionConfig,
    arrivals: Mapping[int, int],
    now: int,
    floor: int,
) -> Iterator[TierDay]:
    """Days of tables that are old enough and still have rows or published files.

    Args:
        connection: the warehouse.
        home: the data folder.
        config: how long each tier is kept.
        arrivals: start of day to the last arrival in it.
        now: microseconds since the epoch, UTC, as all times here.
        floor: before it no reading changes the tables.
    """
    there = table_names(connection)
    for table in trimmed_tables():
        days = config.days_of(table)
        if not days or table not in there:
            continue
        before = now // DAY * DAY - days * DAY
        model = models()[table]
        rows = connection.execute(
            f"select epoch_us(date_trunc('day', {model.window_column})) as d, count(*) from {table}"  # noqa: S608 - our own
            f" where {model.window_column} < ? group by d order by d",
            [from_micros(before)],
        ).fetchall()
        for day, count in rows:
            if day < floor or arrivals.get(day, day) < before:
                yield _tier_day(connection, home, model, int(day), int(count))


def _tier_day(connection: "DuckDBPyConnection", home: Home, model: Model, day: int, rows: int) -> TierDay:
    windows = connection.execute(
        "select count(*) from state where model = ? and window_start >= ? and window_start < ?",
        [model.name, from_micros(day), from_micros(day + DAY)],
    ).fetchone()
    files = sorted(_folder(home, model.name, day).glob("*.parquet"))
    return TierDay(
        table=model.name,
        day=day_of(day),
        windows=int(windows[0]) if windows else 0,
        rows=rows,
        files=tuple(str(path.relative_to(home.root)) for path in files),
        bytes=sum(path.stat().st_size for path in files),
    )


def verified_days(
    connection: "DuckDBPyConnection",
    home: Home,
    days: Sequence[TierDay],
    dirty: Collection[date],
    gone: Mapping[str, Collection[int]],
) -> tuple[list[TierDay], list[KeptDay]]:
    """The days that may be deleted, and those that may not yet, with the reason."""
    may: list[TierDay] = []
    kept: list[KeptDay] = []
    for table in trimmed_tables():
        those = [each for each in days if each.table == table]
        differing = _differing_days(connection, table, those, gone)
        for each in those:
            start = start_of_day(each.day)
            coarser = _coarser(table, start, gone)
            why = None
            if each.day in dirty:
                why = "it waits for a build"
            elif differing.get(start):
                why = f"{coarser} does not hold the same: {differing[start]} windows differ"
            elif not is_published(connection, home, coarser, start):
                why = f"{coarser} of that day is not published yet"
            if why is None:
                may.append(each)
            else:
                kept.append(KeptDay(table, each.day, why))
    return may, kept


def _coarser(table: str, start: int, gone: Mapping[str, Collection[int]]) -> str:
    """The table that proves a day: the next coarser one that still has that day."""
    known = trimmed_tables()
    found = known[table]
    while found in known and start in gone.get(found, ()):
        found = known[found]
    return found


def _differing_days(
    connection: "DuckDBPyConnection", table: str, days: Sequence[TierDay], gone: Mapping[str, Collection[int]]
) -> dict[int, int]:
    """Start of day to the number of windows in which the coarser table differs from the finer one."""
    if table != READINGS and table not in tiers():
        return {}  # nothing to count: it is enough that the coarser table is published
    found: dict[int, int] = {}
    asked: dict[str, list[int]] = {}
    for each in days:
        start = start_of_day(each.day)
        # a day that was deleted before was verified then; its present rows were made again for a late reading
        if start not in gone.get(table, ()):
            asked.setdefault(_coarser(table, start, gone), []).append(start)
    for coarser, starts in asked.items():
        found |= _differing(connection, table, coarser, starts)
    return found


def _differing(connection: "DuckDBPyConnection", table: str, coarser: str, starts: Sequence[int]) -> dict[int, int]:
    """Compare count, minimum and maximum of each device, metric and window."""
    known = models()
    text = _FINE_READINGS if table == READINGS else _FINE_TIER
    fine = text.format(table=table, window=known[table].window_column, grain=known[coarser].grain)
    span = [from_micros(min(starts)), from_micros(max(starts) + DAY)]
    rows = connection.execute(
        f"""
        with fine as ({fine}),
        coarse as (
            select device_id, metric, window_start as w, n, min as least, max as most from {coarser}
            where window_start >= ? and window_start < ?
        )
        select epoch_us(date_trunc('day', w)) as day, count(*)
        from fine full join coarse using (device_id, metric, w)
        where fine.n is distinct from coarse.n or fine.least is distinct from coarse.least
            or fine.most is distinct from coarse.most
        group by day
        """,  # noqa: S608 - our own names
        [*span, *span],
    ).fetchall()
    wanted = set(starts)
    return {int(day): int(count) for day, count in rows if day in wanted}


def is_published(connection: "DuckDBPyConnection", home: Home, table: str, start: int) -> bool:
    """Whether the published copy of a day is there and as new as its table."""
    folder = _folder(home, table, start)
    newest = connection.execute(
        "select max(case when model = ? then position end), max(case when model = ? then position end) from state"
        " where window_start >= ? and window_start < ?",
        [table, published(table), from_micros(start), from_micros(start + DAY)],
    ).fetchone()
    if newest is None or newest[0] is None:
        return any(folder.glob("*.parquet"))  # restored from there, or nothing at all
    return newest[1] is not None and newest[1] >= newest[0] and any(folder.glob("*.parquet"))


def delete(
    connection: "DuckDBPyConnection", home: Home, days: Sequence[TierDay], large_piece: Grain, slot: int, now: int
) -> None:
    """Delete days of tables and the rows of their published files. The next retention finishes it, after a kill too."""
    known = models(large_piece)
    for table in trimmed_tables():
        those = [each for each in days if each.table == table]
        if not those:
            continue
        model, copy = known[table], known[published(table)]
        starts = [start_of_day(each.day) for each in those]
        with transaction(connection):
            connection.execute(
                f"delete from {table} where {model.window_column} < ?"  # noqa: S608 - our own names
                f" and list_contains(?::timestamp[], date_trunc('day', {model.window_column}))",
                [from_micros(max(starts) + DAY), [from_micros(start) for start in starts]],
            )
            for each, start in zip(those, starts, strict=True):
                trimmed.record(connection, table, start, each.rows, now)
            behind = partition_files.behind(connection, copy, slot)
            # emptied files are not published again: recorded as done
            state.record(connection, copy.name, {at: new for at, new in behind.items() if at - at % DAY in set(starts)})
        for start in starts:
            withdraw_files(home, table, start)
    state.copy_recorded(home, connection)


def withdraw_files(home: Home, table: str, start: int) -> int:
    """Empty the published files of a table and day, or delete those that were emptied an hour ago; returns how many."""
    return withdraw(home.published / table, sorted(_folder(home, table, start).glob("*.parquet")))


def finish(connection: "DuckDBPyConnection", home: Home) -> int:
    """Delete published files of trimmed days that were emptied an hour ago or left after a kill; returns the days."""
    left = 0
    for table, days in trimmed.read(connection).items():
        column = models()[table].window_column
        for day in sorted(days):
            if not _folder(home, table, day).exists():
                continue
            rows = connection.execute(
                f"select 1 from {table} where {column} >= ? and {column} < ? limit 1",  # noqa: S608 - our own names
                [from_micros(day), from_micros(day + DAY)],
            ).fetchone()
            if rows is None:
                left += bool(withdraw_files(home, table, day))
    return left


def _folder(home: Home, table: str, start: int) -> Path:
    return home.published / table / f"day={day_of(start).isoformat()}"
