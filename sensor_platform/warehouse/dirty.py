"""Which days have dirty windows. Reads the ledger only: the Dagster sensor polls every few seconds, without DuckDB.

What a look finds clean is noted (`staleness.marks`), so that the next one compares only what was touched since: its
cost follows what is new and what is dirty, not the history.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, MINUTE
from sensor_platform.kernel.days import day_of
from sensor_platform.landing.ledger import (
    newest_touch,
    note,
    read_ledger,
    readings_of_slots,
    touched_extent,
)
from sensor_platform.warehouse.catalog.catalog_files import digest
from sensor_platform.warehouse.catalog.sync import LOOKBACK_NOTE, NOTE
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.lineage import READINGS, Model, models
from sensor_platform.warehouse.staleness.look import stale_now
from sensor_platform.warehouse.staleness.marks import Mark, clean_to, load_mark, mark_epoch, mark_name, save_mark
from sensor_platform.warehouse.staleness.staleness import Staleness
from sensor_platform.warehouse.staleness.touched import Stale

_WORTH_NOTING = 2
"""Slots that were found clean, from which on a new mark costs less than to compare them again."""


@dataclass(frozen=True, slots=True)
class DirtyDay:
    """One UTC day with work."""

    day: date
    position: int
    """Newest ledger position that made the day dirty; a run is keyed by it."""
    readings: int
    """Readings in its dirty slots, as a measure of the work; 0 if only later tables are behind."""
    models: tuple[str, ...]
    """Tables with dirty windows, parents first."""
    windows: int = 0
    """Dirty windows of all tables."""
    generation: str | None = None
    """Generation of the ledger: positions of two generations cannot be compared."""


def dirty_days(home: Home, site: WarehouseSite, names: Sequence[str] | None = None) -> tuple[DirtyDay, ...]:
    """Days with windows that are behind the ledger, oldest first.

    Args:
        home: the data folder.
        site: slot length and span of published files.
        names: tables that count, parents with them (published ones as `published.<table>`); None for all.
    """
    slot = site.slot_minutes * MINUTE
    with read_ledger(home) as ledger:
        if ledger is None:
            return ()
        chosen = _chosen(site, names, int(note(ledger, LOOKBACK_NOTE) or 0))
        staleness, name = Staleness.of(ledger, slot), mark_name(chosen)
        mark, epoch = load_mark(ledger, name), mark_epoch(ledger)
        touched = (mark or Mark()).touched(ledger)
        stale = stale_now(ledger, chosen, staleness, touched, is_first=mark is None)
        found = _by_day(ledger, chosen, stale)
        found |= _catalog_day(ledger, site, found) if names is None else {}
    # windows of another ledger have no touched slot to find them again by: only a look at everything does
    if not any(one.is_of_another_ledger for windows in stale.values() for one in windows.values()):
        new = (mark or Mark()).after(staleness.position, touched, clean_to(stale, chosen, touched, slot))
        if _is_worth_noting(mark, new, touched):
            save_mark(home, name, epoch, staleness.horizon.floor, new)
    return tuple(replace(found[day], generation=staleness.generation) for day in sorted(found))


def _is_worth_noting(mark: Mark | None, new: Mark, touched: Mapping[int, int]) -> bool:
    if mark is None:
        return bool(touched)
    clean = sum(new.covers(slot, position) for slot, position in touched.items())
    return clean >= _WORTH_NOTING or (clean > 0 and clean == len(touched))


def _catalog_day(
    ledger: sqlite3.Connection, site: WarehouseSite, found: Mapping[date, DirtyDay]
) -> dict[date, DirtyDay]:
    """The newest day, if the catalog differs from the one that the warehouse was built with: any build syncs it.

    The sync determines which windows become dirty. The position is one that no run has reached, so that a run starts.
    """
    newest_slot = touched_extent(ledger)
    if newest_slot is None or digest(site.catalog) == (note(ledger, NOTE) or ""):
        return {}
    day = max(found, default=day_of(newest_slot[1]))
    known = found.get(day, DirtyDay(day, 0, 0, ()))
    return {day: replace(known, position=newest_touch(ledger) + 1, models=("catalog", *known.models))}


def _chosen(site: WarehouseSite, names: Sequence[str] | None, lookback_slots: int) -> list[Model]:
    known = models(site.warehouse.large_piece, lookback_slots)
    return [model for name, model in known.items() if names is None or name in names]


def _by_day(ledger: sqlite3.Connection, chosen: Sequence[Model], stale: Stale) -> dict[date, DirtyDay]:
    """Work by day. Tables that are rebuilt as one have no day: they are added to the newest day that has work."""
    positions: dict[int, int] = {}
    names: dict[int, dict[str, None]] = {}
    windows: dict[int, int] = {}
    for model in sorted(chosen, key=lambda model: model.grain == "whole"):
        counted: dict[int, int] = {}
        for window, one in stale.get(model.name, {}).items():
            day = max(positions, default=_newest_day(ledger)) if model.grain == "whole" else window // DAY
            position = one.new.position
            if day not in positions or positions[day] < position:
                positions[day] = max(position, 0)
            counted[day] = counted.get(day, 0) + 1
        for day, count in counted.items():
            windows[day] = windows.get(day, 0) + count
            names.setdefault(day, {})[model.name] = None
    readings = _readings(ledger, stale.get(READINGS, {}))
    days = {number: day_of(number * DAY) for number in positions}
    return {
        day: DirtyDay(day, positions[at], readings.get(day, 0), tuple(names[at]), windows[at])
        for at, day in days.items()
    }


def _newest_day(ledger: sqlite3.Connection) -> int:
    """Days since the epoch."""
    extent = touched_extent(ledger)
    return extent[1] // DAY if extent else 0


def _readings(ledger: sqlite3.Connection, slots: Collection[int]) -> dict[date, int]:
    """Number of readings in these slots, by day."""
    found: dict[date, int] = {}
    for slot, rows in readings_of_slots(ledger, slots).items():
        found[day_of(slot)] = found.get(day_of(slot), 0) + rows
    return found
