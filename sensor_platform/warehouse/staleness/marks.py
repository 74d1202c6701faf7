"""What looks have found clean, so that the next one compares only what was touched since. Pure, but for load and save.

A mark says: of the slots touched up to `position` all windows that depend on them are built, or may not be built, but
for the slots of the pending days, where that holds up to a position of their own. Windows never become older, so a mark
stays true, and a look that ends late harms nothing. It counts no more where windows may be built again that looks have
passed over: where the landing floor sinks, or a held slot is released (no touched slot leads to the windows that waited
for it). A mark is a hint: without it one look compares everything.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.kernel.days import EARLIEST, LATEST
from sensor_platform.landing.ledger import (
    NO_HORIZON,
    StateRow,
    built_windows,
    generation,
    landing_floor,
    open_ledger,
    released_times,
    replace_windows,
    replaced_times,
    touched_after,
    touched_between,
)
from sensor_platform.warehouse.lineage import SLOTS, Model
from sensor_platform.warehouse.staleness.touched import Stale

_EVER = (EARLIEST, LATEST)
_BUSY_SECONDS = 1.0
"""A mark is worth no longer wait."""
_GLOBAL = -(1 << 61)
"""Window start of the row that holds the mark's position: no day."""
_FLOOR = -(1 << 60)
"""Window start of the row that holds the landing floor of then: what is below may have been passed over."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known to be clean."""

    position: int = -1
    """-1 if nothing is."""
    pending: Mapping[int, int] = field(default_factory=dict)
    """Start of day to the position up to which its slots are clean."""

    def touched(self, ledger: sqlite3.Connection) -> dict[int, int]:
        """The slots that are not known to be clean, with the position that touched each; frozen ones included."""
        found = touched_after(ledger, self.position)
        for day, position in self.pending.items():
            found |= touched_between(ledger, day, day + DAY, position)
        return found

    def after(self, newest: int, touched: Mapping[int, int], clean_to: Mapping[int, int]) -> "Mark":
        """The mark after a look.

        Args:
            newest: newest position of the ledger at the time of the look.
            touched: the slots that it compared.
            clean_to: day to the least position of a stale window that depends on it; other days are clean.
        """
        pending: dict[int, int] = {}
        for slot, position in touched.items():
            day = slot - slot % DAY
            since = max(self.pending.get(day, self.position), clean_to.get(day, position))
            if position > since:
                pending[day] = since
        return Mark(newest, pending)

    def covers(self, slot: int, position: int) -> bool:
        """Whether the slot, touched by this position, is known to be clean."""
        return position <= self.pending.get(slot - slot % DAY, self.position)


def clean_to(stale: Stale, models: Sequence[Model], touched: Iterable[int], slot: int) -> dict[int, int]:
    """For each day with slots that a stale window depends on: the least position that such a window was built up to.

    Of a window that was never built only its own days count: it is found again by them.
    """
    reaches = _total_reaches(models, slot)
    found: dict[int, int] = {}
    ranges: dict[tuple[int, int], int] = {}
    for model in models:
        size, reach = model.size(slot), reaches[model.name]
        for window, one in stale.get(model.name, {}).items():
            to, first = (-1, window) if one.built is None else (one.built.position, window - reach)
            days = _EVER if size is None else (first // DAY * DAY, (window + size - 1) // DAY * DAY)
            if ranges.get(days, to) >= to:
                ranges[days] = to
    for day in {at - at % DAY for at in touched}:
        positions = [to for (low, high), to in ranges.items() if low <= day <= high]
        if positions:
            found[day] = min(positions)
    return found


def _total_reaches(models: Sequence[Model], slot: int) -> dict[str, int]:
    """How far before a window slots lie that it depends on, through all of its parents."""
    found = {SLOTS: 0}
    for model in models:
        found[model.name] = model.reach(slot) + max((found.get(parent, 0) for parent in model.parents), default=0)
    return found


def mark_name(chosen: Sequence[Model]) -> str:
    """A mark is valid for one set of tables and windows only."""
    text = " ".join(f"{model.name}:{model.grain}:{model.reach_hours}:{model.reach_slots}" for model in chosen)
    return f"clean.{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def mark_epoch(ledger: sqlite3.Connection) -> str:
    """What a mark belongs to: the generation, the present copy of the state, and the slots released so far."""
    return f"{generation(ledger)}#{replaced_times(ledger)}#{released_times(ledger)}"


def load_mark(ledger: sqlite3.Connection, name: str) -> Mark | None:
    """The mark of this name, if it is of the present epoch and the landing floor has not sunk since."""
    epoch = mark_epoch(ledger)
    rows = {row.window_start: row.position for row in built_windows(ledger, name, *_EVER) if row.generation == epoch}
    position, floor = rows.pop(_GLOBAL, None), rows.pop(_FLOOR, NO_HORIZON.floor)
    return None if position is None or floor > _floor(ledger) else Mark(position, rows)


def save_mark(home: Home, name: str, epoch: str, floor: int, mark: Mark) -> None:
    """Replace the mark, unless another epoch has begun since that of the look; `floor` is of the look too.

    Nobody waits long for it: while another process writes to the ledger, the next look compares more instead.
    """
    try:
        with open_ledger(home, busy_seconds=_BUSY_SECONDS) as ledger:
            if mark_epoch(ledger) == epoch:
                rows = {_GLOBAL: mark.position, _FLOOR: floor, **mark.pending}
                windows = [StateRow(name, start, epoch, position) for start, position in rows.items()]
                replace_windows(ledger, name, windows)
    except Unreachable as error:
        if getattr(error.__cause__, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise


def _floor(ledger: sqlite3.Connection) -> int:
    floor = landing_floor(ledger)
    return NO_HORIZON.floor if floor is None else floor
