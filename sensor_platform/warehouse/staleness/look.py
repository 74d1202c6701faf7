"""The windows that are stale now, found the least costly way.

Few touched slots are followed to the windows that depend on them; for many, all windows around them are compared.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from sensor_platform.kernel.clock import DAY
from sensor_platform.landing.ledger import slots_between
from sensor_platform.warehouse.lineage import WHOLE, Model
from sensor_platform.warehouse.staleness.ledger_evidence import LedgerState, state_copy
from sensor_platform.warehouse.staleness.propagation import Scope
from sensor_platform.warehouse.staleness.staleness import Staleness
from sensor_platform.warehouse.staleness.touched import Stale, StaleWindow, TouchedLook
from sensor_platform.warehouse.staleness.unclean import newest_of_tables, unclean_spans

_EVER = Scope(-(1 << 61), 1 << 61)
SLOTS_A_DAY = 1
"""Slots that cost as much to follow to what depends on them as it costs to compare all windows of a day."""


def stale_now(
    ledger: sqlite3.Connection,
    chosen: Sequence[Model],
    staleness: Staleness,
    touched: Mapping[int, int],
    *,
    is_first: bool,
) -> Stale:
    """Stale windows by model.

    Args:
        ledger: open for reading.
        chosen: the models that count, parents first.
        staleness: of the same moment.
        touched: slots that are not known to be clean, with the position that touched each.
        is_first: nothing is known to be clean.
    """
    if not touched:
        return {}
    newest: dict[str, int] = {}
    look = TouchedLook(
        LedgerState(ledger, staleness.generation), staleness.generation, staleness.slot, staleness.horizon
    )
    if is_first:
        unclean = unclean_spans(ledger, chosen, staleness)
        if unclean is None:
            return _compared(ledger, chosen, staleness, _EVER, {})
        spans, newest = unclean, newest_of_tables(ledger, chosen)
    else:
        spans = _spans(touched, chosen, staleness.slot)
        if len(touched) <= SLOTS_A_DAY * sum(end - start for start, end in spans) // DAY:
            return look.stale(chosen, touched)
    for model in chosen:
        look.found[model.name] = {}
    for span in spans:
        for name, windows in _compared(ledger, chosen, staleness, Scope(*span, with_whole=False), newest).items():
            look.found[name].update(windows)
    return look.stale_whole(chosen, newest)


def _compared(
    ledger: sqlite3.Connection, chosen: Sequence[Model], staleness: Staleness, scope: Scope, newest: dict[str, int]
) -> Stale:
    """Stale windows in a scope, by comparing all of its windows.

    `newest` is given the newest position of the windows of each model.
    """
    span = staleness.span(scope, chosen)
    slots = slots_between(ledger, *span)
    state = state_copy(ledger, [model.name for model in chosen], *span)
    for model in (model for model in chosen if model.grain == "whole"):
        state[model.name] = state_copy(ledger, [model.name], WHOLE, WHOLE + 1)[model.name]
    work = staleness.windows(chosen, slots, state, scope)
    for name in (model.name for model in chosen if model.grain != "whole"):
        positions = (one.position for one in (*state[name].values(), *work[name].values()))
        newest[name] = max(newest.get(name, -1), max(positions, default=-1))
    return {
        name: {window: StaleWindow(new, state[name].get(window)) for window, new in windows.items()}
        for name, windows in work.items()
    }


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
