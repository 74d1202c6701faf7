"""Questions to the ledger that only the warehouse has. Only reads; times are integer microseconds, UTC."""

import sqlite3
from collections.abc import Iterable, Mapping

from sensor_platform.home import Home
from sensor_platform.landing.ledger import StateRow, copy_state, open_ledger
from sensor_platform.warehouse.staleness.propagation import Built


def extent(connection: sqlite3.Connection) -> tuple[int, int] | None:
    """First and last slot that was ever touched."""
    first, last = connection.execute("select min(slot_start), max(slot_start) from slots").fetchone()
    return None if first is None else (int(first), int(last))


def rows_by_slot(connection: sqlite3.Connection, start: int, end: int) -> dict[int, int]:
    """Visible readings of each slot in [start, end)."""
    rows = connection.execute(
        "select s.slot_start, sum(s.rows) from file_slots s join files f using (file)"
        " where s.slot_start >= ? and s.slot_start < ? and f.replaced_at is null and f.kind = 'landing' group by 1",
        (start, end),
    )
    return dict(rows.fetchall())


def state_copy(
    connection: sqlite3.Connection, names: Iterable[str], start: int, end: int
) -> dict[str, dict[int, Built]]:
    """The ledger's copy of the warehouse's state: windows in [start, end) of the named models."""
    copied: dict[str, dict[int, Built]] = {}
    for name in names:
        rows = connection.execute(
            "select window_start, generation, position from warehouse_state"
            " where model = ? and window_start >= ? and window_start < ?",
            (name, start, end),
        )
        copied[name] = {window: Built(made, reached) for window, made, reached in rows}
    return copied


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
