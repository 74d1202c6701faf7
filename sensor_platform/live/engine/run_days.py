"""Days on which the live process ran: rows of its store age by these days, so that no jump of the clock ages them."""

import json
import sqlite3

from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.kernel.days import EARLIEST

_KEY = "run_days"


def forgettable_before(connection: sqlite3.Connection, now: int, keep_hours: int) -> int:
    """Rows of before this time may be deleted: they are too old by the clock, and by the days on which the process ran.

    Notes the day of `now`. Days later than `now`, of a clock that was ahead, do not count.

    Args:
        connection: to the live store, for writing.
        now: microseconds since the epoch.
        keep_hours: how long rows are kept.
    """
    needed = -(-keep_hours // 24) + 2
    today = now // DAY
    found = connection.execute("select value from meta where key = ?", (_KEY,)).fetchone()
    known: list[int] = json.loads(found[0]) if found else []
    if today not in known:
        known = sorted({*known, today})
        past, later = [day for day in known if day <= today], [day for day in known if day > today]
        content = json.dumps([*past[-needed:], *later[:needed]])
        connection.execute("insert or replace into meta values (?, ?)", (_KEY, content))
    past = [day for day in known if day <= today]
    if len(past) < needed:
        return EARLIEST
    return min(now - keep_hours * HOUR, past[-needed] * DAY)
