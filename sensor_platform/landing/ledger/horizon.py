"""The retention horizon: what may not be built again, because rows that a build would need are gone.

These are slots below the landing floor, and slots whose landing file is damaged and not restored. Readings for them
are landed and counted, and change no table. The floor is in the ledger's `meta`, microseconds; slots of damaged files
are in `held_slots`. The floor is never above the clock or the newest arrival. It moves by at most two days for each UTC
day on which anything arrived since it last moved, unless a person confirms more.
"""

import json
import sqlite3
from dataclasses import dataclass, field

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, utc_from_micros
from sensor_platform.kernel.days import EARLIEST
from sensor_platform.kernel.durable import write_file
from sensor_platform.landing.ledger.arrivals import arrival_days, bounded_clock
from sensor_platform.landing.ledger.retention_day import DAYS_PER_ARRIVAL_DAY
from sensor_platform.landing.ledger.triggers import RELEASED

FLOOR = "landing_floor"
_FLOORS = "landing_floors"


@dataclass(frozen=True, slots=True)
class Horizon:
    """Slots that may not be built again."""

    floor: int = EARLIEST
    """All slots that start before this, microseconds since the epoch, UTC."""
    held: frozenset[int] = field(default_factory=frozenset)
    """Starts of further slots, microseconds."""

    def freezes(self, slot: int) -> bool:
        """Whether this slot may not be built again."""
        return slot < self.floor or slot in self.held

    def looking_back(self, slot: int, reach: int) -> "Horizon":
        """The horizon of what looks back this far: a slot after a held one is incomplete without it. Microseconds."""
        steps = range(0, reach + 1, slot)
        return Horizon(self.floor, frozenset(held + step for held in self.held for step in steps))

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


def released_times(connection: sqlite3.Connection) -> int:
    """How many times a slot of a damaged file was released so far: what waited for it can be built again."""
    found = connection.execute("select value from meta where key = ?", (RELEASED,)).fetchone()
    return int(found[0]) if found else 0


def floor_at(connection: sqlite3.Connection, at: int) -> int | None:
    """The floor that was in force at a time: a reading that came before the floor was set was not late."""
    earlier = [floor for since, floor, *_ in _floors(connection) if since < at]
    return max(earlier, default=None)


def floor_limit(connection: sqlite3.Connection) -> int | None:
    """How far the floor may move without a person's confirmation, microseconds; None where there is no floor yet."""
    floor = landing_floor(connection)
    if floor is None:
        return None
    since, _, *counted = _floors(connection)[-1]
    days = arrival_days(connection) - counted[0] if counted else arrival_days(connection, after=since)
    return floor + DAYS_PER_ARRIVAL_DAY * DAY * max(0, days)


def raise_floor(connection: sqlite3.Connection, home: Home, floor: int, now: int) -> None:
    """Set the floor, in the caller's transaction; it never sinks. A file beside the manifests keeps it too.

    Raises:
        WrongUse: the floor is later than the clock or than the newest arrival.
    """
    at = bounded_clock(connection, now)
    if floor > at:
        raise WrongUse(
            f"the landing floor cannot be {utc_from_micros(floor)}: the clock, or the newest arrival, is at"
            f" {utc_from_micros(at)}",
            "correct the clock of this machine",
        )
    _write(connection, home, [*_floors(connection), [at, floor, arrival_days(connection)]])


def last_deleted_slot(connection: sqlite3.Connection) -> int | None:
    """The newest slot below the floor whose readings were deleted, start in microseconds; None where there is none."""
    (slot,) = connection.execute(
        "select max(slot_start) from slots where slot_start < (select cast(value as integer) from meta where key = ?)"
        " and slot_start not in (select slot_start from file_slots)"
        " and slot_start not in (select slot_start from held_slots)",
        (FLOOR,),
    ).fetchone()
    return None if slot is None else int(slot)


def lower_floor(connection: sqlite3.Connection, home: Home, floor: int, now: int) -> None:
    """Set an earlier floor, in the caller's transaction; slots from there on can be built again.

    The caller has made sure that no reading of a slot from `floor` on was deleted.
    """
    kept = [one for one in _floors(connection) if one[1] < floor]
    _write(connection, home, [*kept, [bounded_clock(connection, now), floor, arrival_days(connection)]])
    connection.execute("delete from late_frozen where slot_start >= ?", (floor,))


def restore_floor(connection: sqlite3.Connection, home: Home) -> None:
    """Set the floors again from their file, after the ledger was lost; in the caller's transaction."""
    path = home.ledger / "floors.json"
    if path.exists():
        _put(connection, json.loads(path.read_bytes()))


def late_frozen_rows(connection: sqlite3.Connection) -> int:
    """Number of readings that came for slots below the landing floor."""
    found = connection.execute("select coalesce(sum(rows), 0) from day_marks where name = 'late_frozen'").fetchone()
    return int(found[0])


def _write(connection: sqlite3.Connection, home: Home, floors: list[list[int]]) -> None:
    write_file(home.ledger / "floors.json", json.dumps(floors).encode())
    _put(connection, floors)


def _floors(connection: sqlite3.Connection) -> list[list[int]]:
    """Every floor, oldest first: since when it is in force, the floor, and the arrival days until then (if noted)."""
    found = connection.execute("select value from meta where key = ?", (_FLOORS,)).fetchone()
    floors: list[list[int]] = json.loads(found[0]) if found else []
    return floors


def _put(connection: sqlite3.Connection, floors: list[list[int]]) -> None:
    newest = max(floor for _, floor, *_ in floors)
    rows = [(_FLOORS, json.dumps(floors)), (FLOOR, str(newest))]
    connection.executemany("insert or replace into meta (key, value) values (?, ?)", rows)
