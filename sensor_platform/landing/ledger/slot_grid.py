"""The slot grid of a home: the `slot_minutes` with which its first reading was landed. Another one is refused.

Slots of the ledger, `slot_start` of the rows and windows of the tables all lie on it. With another grid they would not
meet any more, and rows would be replaced by fewer. It is in the ledger's `meta`. A ledger that was lost and rebuilt
takes the site's, if all slots of the manifests lie on it.
"""

import contextlib
import sqlite3

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import MINUTE
from sensor_platform.kernel.sqlite import connect_to_read

_KEY = "slot_minutes"


def keep_grid(connection: sqlite3.Connection, slot_minutes: int) -> None:
    """Record the grid of a home that has none, before anything is landed with it.

    Args:
        connection: of `open_ledger`.
        slot_minutes: of the site.

    Raises:
        WrongUse: the home has another grid.
    """
    recorded = _recorded(connection)
    if recorded is None and not _fits(connection, slot_minutes):
        raise _refusal("an unknown number of", slot_minutes)
    _compare(recorded, slot_minutes)
    if recorded is None:
        connection.execute("insert or ignore into meta (key, value) values (?, ?)", (_KEY, str(slot_minutes)))


def check_grid(home: Home, slot_minutes: int) -> None:
    """Check a site against the grid of a home; changes nothing.

    Raises:
        WrongUse: the home has another grid.
    """
    _compare(recorded_grid(home), slot_minutes)


def recorded_grid(home: Home) -> int | None:
    """The minutes of a slot of this home; None where nothing was landed yet, or where the ledger cannot be read."""
    if not home.ledger_file.exists():
        return None
    with contextlib.suppress(sqlite3.Error), contextlib.closing(connect_to_read(home.ledger_file)) as connection:
        return _recorded(connection)
    return None


def _compare(recorded: int | None, wanted: int) -> None:
    if recorded is not None and recorded != wanted:
        raise _refusal(str(recorded), wanted)


def _refusal(recorded: str, wanted: int) -> WrongUse:
    back = f"set slot_minutes back to {recorded} in site.yaml" if recorded.isdigit() else "set slot_minutes back"
    return WrongUse(
        f"slot_minutes is {wanted}, and this data folder was made with slots of {recorded} minutes",
        f"{back}; another length needs a new data folder",
    )


def _recorded(connection: sqlite3.Connection) -> int | None:
    found = connection.execute("select value from meta where key = ?", (_KEY,)).fetchone()
    return int(found[0]) if found else None


def _fits(connection: sqlite3.Connection, slot_minutes: int) -> bool:
    """Whether every slot of a home that was made before the grid was recorded lies on this one."""
    other = connection.execute("select 1 from slots where slot_start % ? <> 0 limit 1", (slot_minutes * MINUTE,))
    return other.fetchone() is None
