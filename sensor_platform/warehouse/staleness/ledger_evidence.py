"""The ledger's copy of the warehouse's state, as `Built` windows: read, and brought up to date after a commit."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sensor_platform.home import Home
from sensor_platform.landing.ledger import StateRow, built_positions, copy_state, open_ledger, slots_between
from sensor_platform.warehouse.lineage import SLOTS
from sensor_platform.warehouse.staleness.propagation import Built


def state_copy(
    connection: sqlite3.Connection, names: Iterable[str], start: int, end: int
) -> dict[str, dict[int, Built]]:
    """The ledger's copy of the warehouse's state: windows in [start, end) of the named models."""
    return {
        name: {at: Built(made, position) for at, made, position in built_positions(connection, name, start, end)}
        for name in names
    }


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The copy of the state and the slots, read piece by piece."""

    connection: sqlite3.Connection
    generation: str
    """Generation of the ledger and of its slots."""

    def between(self, model: str, low: int, high: int) -> dict[int, Built]:
        """The built windows of a model, or the slots that can be built (`SLOTS`), that start in [low, high]."""
        if model == SLOTS:
            slots = slots_between(self.connection, low, high + 1)
            return {slot: Built(self.generation, position) for slot, position in slots.items()}
        rows = built_positions(self.connection, model, low, high + 1)
        return {at: Built(made, position) for at, made, position in rows}


def copy_to_ledger(home: Home, state: Mapping[str, Mapping[int, Built]]) -> int:
    """Bring the ledger's copy up to this state; returns the number of rows that differed.

    Called after the warehouse commit. A crash before it costs the sensor one empty run.
    """
    if not home.ledger_file.exists():
        return 0
    with open_ledger(home) as connection:
        changed = [row for name, windows in state.items() for row in _different(connection, name, windows)]
        if changed:
            copy_state(connection, changed)
    return len(changed)


def _different(connection: sqlite3.Connection, name: str, windows: Mapping[int, Built]) -> list[StateRow]:
    if not windows:
        return []
    copied = state_copy(connection, [name], min(windows), max(windows) + 1)[name]
    return [
        StateRow(name, window, built.generation, built.position)
        for window, built in windows.items()
        if copied.get(window) != built
    ]
