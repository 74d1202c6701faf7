"""The warehouse of a home: builds, retention, queries, and what the ledger sensor would ask for."""

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from sensor_platform_tests.field.core.homes import position
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import (
    BuildReport,
    DirtyDay,
    Home,
    Lane,
    Outcome,
    PastRun,
    Retention,
    Rules,
    Site,
    build,
    dbt_models,
    decide,
    dirty_days,
    generation,
    load_settings,
    load_site,
    mend_files,
    newest_touch,
    open_warehouse,
    publish,
    read_ledger,
    rebuilding,
    retaining,
    writer_lock,
)


def site_with(**sections: Any) -> Site:
    """The default site with other settings; a dict changes keys of its section."""
    site = load_site(None)
    changed = {
        name: msgspec.structs.replace(getattr(site, name), **value) if isinstance(value, dict) else value
        for name, value in sections.items()
    }
    return msgspec.structs.replace(site, **changed)


def asked(home: Home, site: Site) -> BuildReport:
    """A build of what is dirty, as the ledger sensor asks for it."""
    with read_ledger(home) as ledger:
        position = newest_touch(ledger) if ledger else 0
    return build(home, site, position=position)


def built(home: Home, site: Site, *, is_published: bool = False) -> None:
    """The same, which has to succeed."""
    report = asked(home, site)
    need(report.is_ok, f"the build succeeds, failed: {report.failed}")
    if is_published:
        publish(home, site)


def dirty(home: Home, site: Site) -> tuple[DirtyDay, ...]:
    """Days with work for dbt."""
    return dirty_days(home, site, dbt_models())


def retain(home: Home, site: Site, now: int, *, is_confirmed: bool = False) -> Retention:
    """The hourly retention, or the one that a person has confirmed, which may take a long step."""
    return retaining.apply(home, site, site.retention, 7, now, is_confirmed=is_confirmed)


def rebuild(home: Home, site: Site) -> rebuilding.RebuildReport:
    """A warehouse made anew, as by the command of that name."""
    return rebuilding.rebuild(home, site, lambda _: None)


def change_warehouse(home: Home, site: Site, *statements: str) -> None:
    """Statements on the warehouse file, as another version of the product would have run them."""
    with open_warehouse(home, site.warehouse) as connection:
        for statement in statements:
            connection.execute(statement)


def ask(file: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query to a DuckDB file."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def mend_all_files() -> None:
    """The daily verification, of the home that the environment names."""
    mend_files(load_settings(), is_full=True)


def write_lock(home: Home) -> contextlib.AbstractContextManager[None]:
    """What every writer of the warehouse takes; refused where it is held."""
    return writer_lock(home, "test", wait_seconds=0)


def done_runs_of(home: Home, now: datetime, count: int) -> list[PastRun]:
    """Successful runs of today, each of a later position than the one before, the newest of the newest."""
    newest = position(home)
    pause = timedelta(seconds=20)
    with read_ledger(home) as ledger:
        current = generation(ledger) if ledger else None
    day = now.date()
    return [
        PastRun(f"run{n}", Lane.TODAY, day, day, newest - n, Outcome.DONE, now - n * pause - pause, generation=current)
        for n in range(count)
    ]


def asked_for(days: Sequence[DirtyDay], runs: Sequence[PastRun], now: datetime, site: Site) -> Sequence[object]:
    """The runs that the ledger sensor would request."""
    rules = Rules(retry_after=timedelta(seconds=site.runs.retry_after_seconds), breath=timedelta(seconds=10))
    return decide(days, runs, now, rules)
