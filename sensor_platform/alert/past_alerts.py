"""Bounds the live store: resolved alerts, their events, and messages that were never accepted leave it after some days.

Answers of people stay: they are labels. Alerts that have not ended stay too, however old they are.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass

from sensor_platform.alert import store
from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import transaction

_AT_ONCE = 1_000
"""Alerts or messages in one transaction: the live process writes the same file."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Number of rows that were deleted."""

    alerts: int = 0
    messages: int = 0
    """Dead letters, and messages for channels that no longer exist."""


_ALERTS = "from alerts where state = 'resolved' and resolved_at < ?"
_MESSAGES = "from outbox where created_at < ? and max(not_before, coalesce(sent_at, 0)) < ?"


def past(home: Home, before: int) -> Forgotten:
    """What `forget_past` would delete, with the same arguments; deletes nothing."""
    if not home.live_file.exists():
        return Forgotten()
    with closing(store.connect(home.live_file)) as connection:
        (alerts,) = connection.execute("select count(*) " + _ALERTS, (before,)).fetchone()
        (messages,) = connection.execute("select count(*) " + _MESSAGES, (before, before)).fetchone()
    return Forgotten(alerts, messages)


def forget_past(home: Home, before: int) -> Forgotten:
    """Delete alerts that were resolved before a time, with their events, and messages that were made before it.

    Args:
        home: the data folder.
        before: microseconds since the epoch, UTC.

    Raises:
        Unreachable: the store cannot be opened.
        WrongUse: a newer version wrote it.
    """
    if not home.live_file.exists():
        return Forgotten()
    with closing(store.connect(home.live_file)) as connection:
        return Forgotten(_alerts(connection, before), _messages(connection, before))


def _alerts(connection: sqlite3.Connection, before: int) -> int:
    gone = 0
    while ids := connection.execute("select alert_id " + _ALERTS + " limit ?", (before, _AT_ONCE)).fetchall():
        with transaction(connection):
            connection.executemany("delete from events where alert_id = ?", ids)
            connection.executemany("delete from alerts where alert_id = ?", ids)
        gone += len(ids)
    return gone


def _messages(connection: sqlite3.Connection, before: int) -> int:
    gone = 0
    while ids := connection.execute(
        "select id " + _MESSAGES + " limit ?",
        (before, before, _AT_ONCE),
    ).fetchall():
        with transaction(connection):
            connection.executemany("delete from outbox where id = ?", ids)
        gone += len(ids)
    return gone
