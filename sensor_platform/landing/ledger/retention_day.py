"""The day that retention takes for today: never ahead of the clock or of the newest arrival, and never in a jump.

It moves by at most two days for each UTC day on which anything arrived since it last moved, so a clock that is ahead
(ours, or that of one collector) costs at most two days. A person may confirm a longer step. The day and the number of
arrival days counted with it are in the ledger's `meta`, and in a file beside the manifests.
"""

import json
import sqlite3
from dataclasses import dataclass

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.kernel.durable import write_file
from sensor_platform.landing.ledger.arrivals import bounded_clock, days_with_arrivals

DAYS_PER_ARRIVAL_DAY = 2
_KEY = "retention_today"
_FILE = "retention_today.json"


@dataclass(frozen=True, slots=True)
class RetentionClock:
    """What retention may take for today. Days are their starts, microseconds since the epoch, UTC."""

    today: int
    """The day by which ages are counted."""
    target: int
    """Day of the smaller of the clock and the newest arrival: what `today` would be without the limit."""
    days: int
    """Number of UTC days on which anything has arrived until then."""

    @property
    def waiting_days(self) -> int:
        """Days that `today` lies behind `target`, because a step was too long."""
        return (self.target - self.today) // DAY


def retention_clock(connection: sqlite3.Connection, now: int, *, is_confirmed: bool = False) -> RetentionClock | None:
    """What retention may take for today; None before anything arrived.

    Args:
        connection: of the ledger.
        now: the clock, microseconds since the epoch, UTC.
        is_confirmed: a person has confirmed a step of any length.
    """
    target = bounded_clock(connection, now) // DAY * DAY
    days = days_with_arrivals(connection, target + DAY)
    if not days:
        return None
    if is_confirmed:
        return RetentionClock(target, target, len(days))
    known = _known(connection)
    if known is None:
        limit = _first_limit(days)
    else:
        limit = known[0] + DAYS_PER_ARRIVAL_DAY * DAY * max(0, len(days) - known[1])
    return RetentionClock(min(target, limit), target, len(days))


def _first_limit(days: list[int]) -> int:
    """How far the day has come where retention never ran: as if it had run on every day with arrivals."""
    reached = days[0]
    for day in days[1:]:
        reached = min(day, reached + DAYS_PER_ARRIVAL_DAY * DAY)
    return reached


def move_retention_clock(
    connection: sqlite3.Connection, home: Home, clock: RetentionClock, *, is_confirmed: bool = False
) -> None:
    """Remember a later day, in the caller's transaction. It moves back only where a person has confirmed it."""
    known = _known(connection)
    if known is None or clock.today > known[0] or (is_confirmed and clock.today != known[0]):
        content = json.dumps([clock.today, clock.days])
        write_file(home.ledger / _FILE, content.encode())
        _put(connection, content)


def restore_retention_clock(connection: sqlite3.Connection, home: Home) -> None:
    """Set the day again from its file, after the ledger was lost; in the caller's transaction."""
    path = home.ledger / _FILE
    if path.exists():
        _put(connection, path.read_text())


def _known(connection: sqlite3.Connection) -> tuple[int, int] | None:
    found = connection.execute("select value from meta where key = ?", (_KEY,)).fetchone()
    if found is None:
        return None
    today, days = json.loads(found[0])
    return int(today), int(days)


def _put(connection: sqlite3.Connection, content: str) -> None:
    connection.execute("insert or replace into meta (key, value) values (?, ?)", (_KEY, content))
