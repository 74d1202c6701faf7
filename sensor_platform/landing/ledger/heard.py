"""When each device was heard of last, and how new its readings were. A row for each device, replaced by each segment.

Times are microseconds since the epoch, UTC. The rows are not in manifests: a new ledger learns them from what arrives.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from sensor_platform.landing.ledger.manifest import HeardDevice


@dataclass(frozen=True, slots=True)
class Heard:
    """One device, as its newest segment shows it."""

    device_id: str
    heard_at: int
    """Its newest receive time."""
    event_at: int
    """Its newest event time, but none that is later than its arrival."""
    ahead: int
    """How far an event time was ahead of its arrival, at most; negative where none was."""
    pause: int
    """Its longest pause of late between two segments."""


def note_heard(connection: sqlite3.Connection, devices: Iterable[HeardDevice]) -> None:
    """Replace the rows of devices, in the caller's transaction. The newest commit counts, whatever its times say."""
    connection.executemany(
        "insert into heard (device_id, heard_at, event_at, ahead, pause) values (?, ?, ?, ?, 0)"
        " on conflict (device_id) do update set"
        " pause = max(min(max(excluded.heard_at - heard_at, 0), 7 * 86400000000), pause * 7 / 8),"
        " heard_at = excluded.heard_at, event_at = excluded.event_at, ahead = excluded.ahead",
        [(each.device_id, each.heard_at, each.event_at, each.ahead) for each in devices],
    )


def forget_heard(connection: sqlite3.Connection, device_id: str, at: int) -> None:
    """Delete the row of a device that was not heard of after a time, in the caller's transaction."""
    connection.execute("delete from heard where device_id = ? and heard_at <= ?", (device_id, at))


def heard_since(connection: sqlite3.Connection, since: int) -> list[Heard]:
    """The devices that were heard of at a time or later."""
    rows = connection.execute(
        "select device_id, heard_at, event_at, ahead, pause from heard where heard_at >= ? order by device_id", (since,)
    )
    return [Heard(*row) for row in rows]
