"""Which days have dirty windows. Reads the ledger only: the Dagster sensor polls every few seconds, without DuckDB.

The position up to which everything was clean is stored, so that the next poll compares only what was touched since, not
the history. This mark is a hint: without it one poll compares everything.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, MINUTE
from sensor_platform.kernel.days import day_of
from sensor_platform.landing.ledger import (
    StateRow,
    copy_state,
    newest_touch,
    note,
    open_ledger,
    read_ledger,
    readings_by_slot,
    slots_after,
    slots_between,
    touched_extent,
)
from sensor_platform.warehouse.catalog.catalog_files import digest
from sensor_platform.warehouse.catalog.sync import LOOKBACK_NOTE, NOTE
from sensor_platform.warehouse.config import WarehouseSite
from sensor_platform.warehouse.lineage import READINGS, WHOLE, Model, models
from sensor_platform.warehouse.staleness.ledger_evidence import state_copy
from sensor_platform.warehouse.staleness.propagation import Built, Scope
from sensor_platform.warehouse.staleness.staleness import Staleness


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
        staleness, mark = Staleness.of(ledger, slot), _mark_name(chosen)
        current, newest = staleness.generation, staleness.position
        clean = state_copy(ledger, [mark], WHOLE, WHOLE + 1)[mark].get(WHOLE)
        since = clean.position if clean is not None and clean.generation == current else -1
        found: dict[date, DirtyDay] = {}
        spans = _spans(slots_after(ledger, since), chosen, slot)
        for span in spans:
            found |= _days_of(ledger, chosen, staleness, Scope(*span, with_whole=span == spans[-1]))
        found |= _catalog_day(ledger, site, found) if names is None else {}
    if not found and since < newest:
        with open_ledger(home) as ledger:
            copy_state(ledger, [StateRow(mark, WHOLE, current, newest)])
    return tuple(found[day] for day in sorted(found))


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


def _mark_name(chosen: Sequence[Model]) -> str:
    """The mark is valid for this set of tables and windows only."""
    text = " ".join(f"{model.name}:{model.grain}:{model.reach_hours}:{model.reach_slots}" for model in chosen)
    return f"clean.{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _spans(touched: Iterable[int], chosen: Sequence[Model], slot: int) -> list[tuple[int, int]]:
    """Disjoint spans of days that a change of the touched slots can affect, oldest first."""
    reach = sum(model.reach(slot) for model in chosen)
    spans: list[tuple[int, int]] = []
    for day in sorted({start - start % DAY for start in touched}):
        end = day + DAY + reach + (-reach) % DAY
        if spans and day <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((day, end))
    return spans


def _days_of(
    ledger: sqlite3.Connection, chosen: Sequence[Model], staleness: Staleness, scope: Scope
) -> dict[date, DirtyDay]:
    span = staleness.span(scope, chosen)
    slots = slots_between(ledger, *span)
    state = state_copy(ledger, [model.name for model in chosen], *span)
    for model in (model for model in chosen if model.grain == "whole"):
        state[model.name] = state_copy(ledger, [model.name], WHOLE, WHOLE + 1)[model.name]
    work = staleness.windows(chosen, slots, state, scope)
    newest_day = max((start - start % DAY for start in slots), default=scope.start)
    rows = readings_by_slot(ledger, scope.start, scope.end) if any(work.values()) else {}
    return _by_day(chosen, work, rows, newest_day)


def _by_day(
    chosen: Sequence[Model], work: Mapping[str, Mapping[int, Built]], rows: Mapping[int, int], newest_day: int
) -> dict[date, DirtyDay]:
    """Work by day. Tables that are rebuilt as one have no day: they are added to the newest day that has work."""
    positions: dict[date, int] = {}
    readings: dict[date, int] = {}
    names: dict[date, dict[str, None]] = {}
    windows: dict[date, int] = {}
    for model in sorted(chosen, key=lambda model: model.grain == "whole"):
        for window, built in work[model.name].items():
            day = max(positions, default=day_of(newest_day)) if model.grain == "whole" else day_of(window)
            positions[day] = max(positions.get(day, 0), built.position)
            windows[day] = windows.get(day, 0) + 1
            names.setdefault(day, {})[model.name] = None
            if model.name == READINGS:
                readings[day] = readings.get(day, 0) + rows.get(window, 0)
    return {
        day: DirtyDay(day, positions[day], readings.get(day, 0), tuple(names[day]), windows[day]) for day in positions
    }
