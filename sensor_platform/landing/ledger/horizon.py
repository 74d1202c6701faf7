"""The retention horizon: what may not be built again, because rows that a build would need are gone.

These are slots below the landing floor, and slots whose landing file is damaged and not restored. Readings for them
are landed and counted, and change no table. The floor is in the ledger's `meta`, microseconds; slots of damaged files
are in `held_slots`.
"""

import json
import sqlite3
from dataclasses import dataclass, field

from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file

FLOOR = "landing_floor"
_FLOORS = "landing_floors"


@dataclass(frozen=True, slots=True)
class Horizon:
    """Slots that may not be built again."""

    floor: int = -(1 << 62)
    """All slots that start before this, microseconds since the epoch, UTC."""
    held: frozenset[int] = field(default_factory=frozenset)
    """Starts of further slots, microseconds."""

    def holds(self, start: int, end: int) -> bool:
        """Whether any slot that starts in [start, end) may not be built again."""
        return start < self.floor or any(start <= slot < end for slot in self.held)


NO_HORIZON = Horizon()


def landing_floor(connection: sqlite3.Connection) -> int | None:
    """Slots that start before it are retained as they are, microseconds; None before the first retention."""
    found = connection.execute("select value from meta where key = ?", (FLOOR,)).fetchone()
    return int(found[0]) if found else None


def retention_horizon(connection: sqlite3.Connection) -> Horizon:
    """The present horizon."""
    floor = landing_floor(connection)
    held = frozenset(slot for (slot,) in connection.execute("select distinct slot_start from held_slots"))
    return Horizon(held=held) if floor is None else Horizon(floor, held)


def floor_at(connection: sqlite3.Connection, at: int) -> int | None:
    """The floor that was in force at a time: a reading that came before the floor was set was not late."""
    earlier = [floor for since, floor in _floors(connection) if since < at]
    return max(earlier, default=None)


def raise_floor(connection: sqlite3.Connection, home: Home, floor: int, now: int) -> None:
    """Set the floor, in the caller's transaction; it never sinks. A file beside the manifests keeps it too."""
    floors = [*_floors(connection), [now, floor]]
    write_file(home.ledger / "floors.json", json.dumps(floors).encode())
    _put(connection, floors)


def restore_floor(connection: sqlite3.Connection, home: Home) -> None:
    """Set the floors again from their file, after the ledger was lost; in the caller's transaction."""
    path = home.ledger / "floors.json"
    if path.exists():
        _put(connection, json.loads(path.read_bytes()))


def late_frozen_rows(connection: sqlite3.Connection) -> int:
    """Number of readings that came for slots below the landing floor."""
    found = connection.execute("select coalesce(sum(rows), 0) from day_marks where name = 'late_frozen'").fetchone()
    return int(found[0])


def _floors(connection: sqlite3.Connection) -> list[list[int]]:
    """Every floor with the time since when it is in force, oldest first."""
    found = connection.execute("select value from meta where key = ?", (_FLOORS,)).fetchone()
    floors: list[list[int]] = json.loads(found[0]) if found else []
    return floors


def _put(connection: sqlite3.Connection, floors: list[list[int]]) -> None:
    newest = max(floor for _, floor in floors)
    rows = [(_FLOORS, json.dumps(floors)), (FLOOR, str(newest))]
    connection.executemany("insert or replace into meta (key, value) values (?, ?)", rows)
