"""Which days may have stale windows, asked of the ledger as a whole: a first look compares only those one by one."""

import sqlite3
from collections.abc import Iterable, Sequence

from sensor_platform.kernel.clock import DAY
from sensor_platform.landing.ledger import days_behind, has_windows_of_another_ledger, newest_built
from sensor_platform.warehouse.lineage import SLOTS, Model
from sensor_platform.warehouse.staleness.staleness import Staleness

Span = tuple[int, int]


def unclean_spans(ledger: sqlite3.Connection, chosen: Sequence[Model], staleness: Staleness) -> list[Span] | None:
    """Spans [start, end) of days outside of which no window is stale, oldest first; None if that cannot be said.

    A day is clean if none of its windows is missing or older than what it depends on, and all that it depends on is
    clean. Tables that are rebuilt as one are left out.

    Args:
        ledger: open for reading.
        chosen: the models that count, parents first.
        staleness: of the same moment.
    """
    if has_windows_of_another_ledger(ledger, [model.name for model in chosen]):
        return None
    slot, floor = staleness.slot, staleness.horizon.floor
    suspects: dict[str, set[int]] = {}
    for model in chosen:
        size, reach = model.size(slot), model.reach(slot)
        if size is None:
            continue
        found: set[int] = set()
        for parent in model.parents:
            name = None if parent == SLOTS else parent
            found.update(days_behind(ledger, model.name, name, size, reach, floor))
            for day in suspects.get(parent, ()):
                found.update(range(day, day + DAY + reach, DAY))
        suspects[model.name] = found
    apart = sum(model.reach(slot) for model in chosen) + DAY  # what comparing a span reads before it
    return _spans({day for days in suspects.values() for day in days}, apart)


def newest_of_tables(ledger: sqlite3.Connection, chosen: Sequence[Model]) -> dict[str, int]:
    """The newest position of the windows of each model that has windows of time."""
    return {model.name: newest_built(ledger, model.name) for model in chosen if model.grain != "whole"}


def _spans(days: Iterable[int], apart: int) -> list[Span]:
    """Spans that hold these days; those that are closer than `apart` are one."""
    spans: list[Span] = []
    for day in sorted(days):
        if spans and day - spans[-1][1] <= apart:
            spans[-1] = (spans[-1][0], day + DAY)
        else:
            spans.append((day, day + DAY))
    return spans
