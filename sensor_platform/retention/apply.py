"""Retention of landing, tables and raw archive: deletes what is old enough, after verifying the tiers that stay.

`plan` returns exactly what `apply` would delete, and what is kept with the reason. Both hold the writer lock. Ages are
counted by the retention clock, which a clock that is ahead cannot move far; a longer step waits until a person confirms
it.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, MINUTE, start_of_day
from sensor_platform.kernel.days import ALL_TIME, EARLIEST, day_of
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.housekeeping import delete_with_ledger, expired_raw
from sensor_platform.landing.lander_lock import changes_lock
from sensor_platform.landing.ledger import (
    RetentionClock,
    VisibleFile,
    due_drift,
    forget_past_drift,
    landing_floor,
    move_retention_clock,
    open_ledger,
    read_ledger,
    retention_clock,
)
from sensor_platform.retention import future_floor, landing_tier, superseded, warehouse_tiers
from sensor_platform.retention.config import RetentionConfig
from sensor_platform.retention.landing_tier import LandingPlan, arrivals
from sensor_platform.retention.warehouse_tiers import KeptDay, TierDay
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.file.duckdb_sql import table_names
from sensor_platform.warehouse.file.writer_lock import writer_lock
from sensor_platform.warehouse.lineage import dbt_models, models
from sensor_platform.warehouse.staleness import ledger_evidence, state, trimmed

if TYPE_CHECKING:
    import sqlite3

    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Retention:
    """What is deleted, and what is old enough but kept."""

    days: tuple[TierDay, ...] = ()
    landing: tuple[VisibleFile, ...] = ()
    """Landing and quarantine files."""
    raw: tuple[VisibleFile, ...] = ()
    floor: date | None = None
    """First day that can still be built afterwards; None if that does not change."""
    kept: tuple[KeptDay, ...] = field(default=())
    lowered: date | None = None
    """First day that can be built again, where the floor lay in the future; only what a person has confirmed."""

    @property
    def rows(self) -> int:
        """Rows of tables and landing files."""
        return sum(each.rows for each in self.days) + sum(each.rows for each in self.landing)

    @property
    def bytes(self) -> int:
        """Bytes of files. What the warehouse file gives back is seen when it is rewritten."""
        return sum(each.bytes for each in self.days) + sum(each.bytes for each in (*self.landing, *self.raw))

    @property
    def files(self) -> int:
        """Files."""
        return sum(len(each.files) for each in self.days) + len(self.landing) + len(self.raw)


def plan(
    home: Home, site: WarehouseSite, config: RetentionConfig, raw_days: int, now: int, *, is_confirmed: bool = False
) -> Retention:
    """What `apply` would delete now.

    Args:
        home: the data folder.
        site: slot length and warehouse settings.
        config: how long each tier is kept.
        raw_days: how long the raw archive is kept.
        now: microseconds since the epoch, UTC.
        is_confirmed: a person has confirmed that the clock is right: a step of any length is taken, and a floor that
            lies in the future goes back.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
    """
    return _run(home, site, _Ages(config, raw_days, now, is_confirmed), is_dry=True)


def apply(
    home: Home, site: WarehouseSite, config: RetentionConfig, raw_days: int, now: int, *, is_confirmed: bool = False
) -> Retention:
    """Verify and delete; returns what was deleted. Safe to kill and to repeat."""
    return _run(home, site, _Ages(config, raw_days, now, is_confirmed), is_dry=False)


@dataclass(frozen=True, slots=True)
class _Ages:
    """How long everything is kept, and by which clock."""

    config: RetentionConfig
    raw_days: int
    now: int
    is_confirmed: bool


def _run(home: Home, site: WarehouseSite, ages: _Ages, *, is_dry: bool) -> Retention:
    if not home.ledger_file.exists():
        return Retention()
    dirty = {one.day for one in dirty_days(home, site, names=_that_count(home))}
    wait = site.warehouse.lock_wait_seconds
    with (
        contextlib.nullcontext() if is_dry else changes_lock(home, "retention", wait_seconds=wait),
        writer_lock(home, "retention", wait_seconds=wait),
        open_warehouse(home, site.warehouse) as connection,
        open_ledger(home) as ledger,
    ):
        clock = retention_clock(ledger, ages.now, is_confirmed=ages.is_confirmed)
        if clock is None:
            return Retention()  # nothing has arrived
        if ages.is_confirmed and (lowered := future_floor.plan(ledger, clock.target)) is not None:
            if not is_dry:
                future_floor.apply(home, ledger, lowered, ages.now)
                _move(home, ledger, clock, ages)
            return Retention(lowered=day_of(lowered.floor))  # what is above it is built before anything is deleted
        state.ensure_tables(connection)
        found = _plan(home, ages, clock, connection, ledger, dirty)
        found = dataclasses.replace(found, days=(*found.days, *_drift(ledger, ages.config.drift_days, clock.today)))
        if not is_dry:
            _move(home, ledger, clock, ages)
            _apply(home, site, ages.now, connection, ledger, found)
            forget_past_drift(ledger, ages.config.drift_days, clock.today)
    return found


def _move(home: Home, ledger: "sqlite3.Connection", clock: RetentionClock, ages: _Ages) -> None:
    with transaction(ledger):
        move_retention_clock(ledger, home, clock, is_confirmed=ages.is_confirmed)


def _that_count(home: Home) -> list[str]:
    """Tables that must be up to date before a day of their parents is deleted; forecasts only if there are any."""
    known = {name: model for name, model in models().items() if model.grain != "whole"}
    with read_ledger(home) as ledger:
        has_features = ledger is not None and bool(
            ledger_evidence.state_copy(ledger, ["features"], *ALL_TIME)["features"]
        )
    if has_features:
        return list(known)
    python = {name for name, model in known.items() if model.builder == "python"}
    return [name for name, model in known.items() if name not in python and python.isdisjoint(model.parents)]


def _plan(
    home: Home,
    ages: _Ages,
    clock: RetentionClock,
    connection: "DuckDBPyConnection",
    ledger: "sqlite3.Connection",
    dirty: set[date],
) -> Retention:
    raw = tuple(_raw(home, ages.raw_days, clock.today))
    if not table_names(connection) >= {*dbt_models()}:
        return Retention(raw=raw)  # nothing is built, so no tier can be verified
    if future_floor.plan(ledger, clock.target) is not None:
        at = day_of(landing_floor(ledger) or 0)
        return Retention(
            raw=raw, kept=(KeptDay("landing", at, "the floor lies in the future: retention --apply --yes"),)
        )
    gone = trimmed.read(connection)
    landing, kept = _landing(home, ages, clock.today, connection, ledger, dirty)
    floor = landing_floor(ledger)
    old = list(
        warehouse_tiers.due(
            connection, home, ages.config, arrivals(ledger), clock.today, floor if floor is not None else EARLIEST
        )
    )
    days, staying = warehouse_tiers.verified_days(connection, home, old, dirty, gone)
    raised = day_of(landing.floor) if landing.floor is not None else None
    forecasts = superseded.due(connection, home, ages.config.superseded_days, clock.today)
    return Retention((*days, *forecasts), landing.files, raw, raised, (*kept, *staying))


def _drift(ledger: "sqlite3.Connection", keep_days: int, today: int) -> Iterator[TierDay]:
    """Days of arrival whose rows of `drift` leave the ledger."""
    for day, rows in due_drift(ledger, keep_days, today):
        yield TierDay("drift", day_of(day * DAY), windows=0, rows=rows, files=(), bytes=0)


def _raw(home: Home, raw_days: int, now: int) -> Iterator[VisibleFile]:
    for file in expired_raw(home, raw_days, now):
        yield VisibleFile(file, "raw", 0, (home.root / file).stat().st_size)


def _landing(
    home: Home,
    ages: _Ages,
    today: int,
    connection: "DuckDBPyConnection",
    ledger: "sqlite3.Connection",
    dirty: set[date],
) -> tuple[LandingPlan, list[KeptDay]]:
    """The retention horizon stops before the first day whose tables are not verified."""
    planned = landing_tier.plan(ledger, ages.config.landing_days, today, is_confirmed=ages.is_confirmed)
    for start in planned.days:
        why = "it waits for a build" if day_of(start) in dirty else None
        if why is None and not warehouse_tiers.is_published(connection, home, "readings_1d", start):
            why = "readings_1d of that day is not published yet"
        if why is not None:
            # as if landing were kept a little longer
            days = (today - start) // DAY
            held = landing_tier.plan(ledger, days, today, is_confirmed=ages.is_confirmed)
            return held, [KeptDay("landing", day_of(start), why)]
    return planned, list(_held(planned))


def _held(planned: LandingPlan) -> Iterator[KeptDay]:
    """Why the floor stays below what is old enough by event."""
    if planned.held is not None:
        yield KeptDay("landing", day_of(planned.held), "its later arrivals are kept as long as others")
    if planned.waits_at is not None:
        yield KeptDay(
            "landing", day_of(planned.waits_at), "the floor may not move further at once; confirm it with --apply --yes"
        )


def _apply(
    home: Home,
    site: WarehouseSite,
    now: int,
    connection: "DuckDBPyConnection",
    ledger: "sqlite3.Connection",
    found: Retention,
) -> None:
    slot = site.slot_minutes * MINUTE
    warehouse_tiers.finish(connection, home)
    warehouse_tiers.delete(connection, home, found.days, site.warehouse.large_piece, slot, now)
    superseded.delete(connection, home, found.days)
    floor = None if found.floor is None else start_of_day(found.floor)
    landing_tier.apply(home, ledger, LandingPlan(floor, (), found.landing), now)
    delete_with_ledger(home, ledger, [each.file for each in found.raw])


def without_landing(config: RetentionConfig) -> RetentionConfig:
    """The same without landing: a rebuild trims only tables while it runs."""
    import msgspec

    return msgspec.structs.replace(config, landing_days=0)
