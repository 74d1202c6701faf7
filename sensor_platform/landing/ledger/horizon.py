"""What may not be built again: slots below the landing floor, and slots whose landing file is damaged and not restored.

Readings for them are landed and counted, and change no table: what would be computed without the missing rows would be
wrong. The floor is in the ledger's `meta`, microseconds; what damaged files hold is in `held_slots`.
"""

import json
import sqlite3
from dataclasses import dataclass, field

from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file

FLOOR = "landing_floor"
_FLOORS = "landing_floors"


@dataclass(frozen=True, slots=True)
class Frozen:
    """Slots that nobody may build again."""

    floor: int = -(1 << 62)
    """Slots that start before this, microseconds since the epoch, UTC."""
    held: frozenset[int] = field(default_factory=frozenset)
    """Starts of further slots."""

    def holds(self, start: int, end: int) -> bool:
        """Whether any slot that starts in [start, end) is frozen."""
        return start < self.floor or any(start <= slot < end for slot in self.held)


NOTHING = Frozen()


def landing_floor(connection: sqlite3.Connection) -> int | None:
    """Slots that start before it are frozen, microseconds; None where nothing was ever trimmed."""
    found = connection.execute("select value from meta where key = ?", (FLOOR,)).fetchone()
    return int(found[0]) if found else None


def frozen(connection: sqlite3.Connection) -> Frozen:
    """What is frozen now."""
    floor = landing_floor(connection)
    held = frozenset(slot for (slot,) in connection.execute("select distinct slot_start from held_slots"))
    return Frozen(held=held) if floor is None else Frozen(floor, held)


def floor_at(connection: sqlite3.Connection, at: int) -> int | None:
    """The floor that was in force at a time: what came before it was set was no late reading."""
    found = connection.execute("select value from meta where key = ?", (_FLOORS,)).fetchone()
    earlier = [floor for since, floor in json.loads(found[0]) if since < at] if found else []
    return max(earlier, default=None)


def raise_floor(connection: sqlite3.Connection, home: Home, floor: int, now: int) -> None:
    """Freeze what lies before `floor`, in the caller's transaction; it never sinks. Kept beside the manifests too."""
    found = connection.execute("select value from meta where key = ?", (_FLOORS,)).fetchone()
    floors = [*(json.loads(found[0]) if found else []), [now, floor]]
    write_file(home.ledger / "floors.json", json.dumps(floors).encode())
    _put(connection, floors)


def restore_floor(connection: sqlite3.Connection, home: Home) -> None:
    """After the ledger was lost: the floors as they were set, in the caller's transaction."""
    path = home.ledger / "floors.json"
    if path.exists():
        _put(connection, json.loads(path.read_bytes()))


def late_frozen_rows(connection: sqlite3.Connection) -> int:
    """Readings that came for slots below the landing floor."""
    return int(connection.execute("select coalesce(sum(rows), 0) from late_frozen").fetchone()[0])


def _put(connection: sqlite3.Connection, floors: list[list[int]]) -> None:
    newest = max(floor for _, floor in floors)
    rows = [(_FLOORS, json.dumps(floors)), (FLOOR, str(newest))]
    connection.executemany("insert or replace into meta (key, value) values (?, ?)", rows)
