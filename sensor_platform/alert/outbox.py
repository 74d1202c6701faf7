"""The outbox of the live store: messages of each channel, with their attempts and their state.

States are `waiting`, `sent` and `dead` (a dead letter, after too many attempts).
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sensor_platform.kernel.clock import MINUTE

LONGEST_PAUSE = 10 * MINUTE
"""Longest pause between two attempts, microseconds."""
_MOST_TOGETHER = 50


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One message that waits."""

    number: int
    grouping: str
    body: bytes
    attempts: int


def due_messages(
    connection: sqlite3.Connection, channel: str, now: int, *, is_ordered: bool = False
) -> Sequence[OutboxRow]:
    """Return the oldest message of a channel that is due, with up to 49 others of its group; empty if none is due.

    Due is also what waits for a time that only a clock that was ahead can have set.

    Args:
        connection: to the live store.
        channel: name of the channel.
        now: microseconds since the epoch.
        is_ordered: return nothing while the oldest message waits for its next attempt.
    """
    if is_ordered and not _is_oldest_due(connection, channel, now):
        return []
    order = "id" if is_ordered else "not_before, id"
    first = _first(connection, order, "not_before <= ?", (channel, now)) or _first(
        connection,
        order,
        "not_before > ? and (attempts > 0 or created_at > ?)",
        (channel, now + LONGEST_PAUSE, now + MINUTE),
    )
    if first is None:
        return []
    if not first[1]:
        return [OutboxRow(*first)]
    rows = connection.execute(
        "select id, grouping, body, attempts from outbox where channel = ? and state = 'waiting' and grouping = ?"
        " order by id limit ?",
        (channel, first[1], _MOST_TOGETHER),
    )
    return [OutboxRow(*row) for row in rows]


def _is_oldest_due(connection: sqlite3.Connection, channel: str, now: int) -> bool:
    """Whether the oldest waiting message may be sent: its time has come, or was set by a clock that was ahead."""
    found = connection.execute(
        "select not_before from outbox where channel = ? and state = 'waiting' order by id limit 1", (channel,)
    ).fetchone()
    return found is not None and not now < found[0] <= now + LONGEST_PAUSE


def _first(
    connection: sqlite3.Connection, order: str, condition: str, values: tuple[str | int, ...]
) -> tuple[Any, ...] | None:
    select = "select id, grouping, body, attempts from outbox where channel = ? and state = 'waiting' and"
    found: tuple[Any, ...] | None = connection.execute(
        f"{select} {condition} order by {order} limit 1", values
    ).fetchone()
    return found


def mark_sent(connection: sqlite3.Connection, rows: Sequence[OutboxRow], now: int) -> None:
    """Record that messages were sent, in the caller's transaction."""
    connection.executemany(
        "update outbox set state = 'sent', sent_at = ?, problem = '' where id = ?", [(now, row.number) for row in rows]
    )


def mark_failed(connection: sqlite3.Connection, row: OutboxRow, problem: str, retry_at: int, *, is_last: bool) -> None:
    """Record a failed attempt, in the caller's transaction.

    Args:
        connection: to the live store.
        row: the message.
        problem: why it failed.
        retry_at: microseconds since the epoch; not sent again before.
        is_last: whether it becomes a dead letter.
    """
    connection.execute(
        "update outbox set attempts = ?, state = ?, problem = ?, not_before = ? where id = ?",
        (row.attempts + 1, "dead" if is_last else "waiting", problem, retry_at, row.number),
    )


def requeue_dead_letters(connection: sqlite3.Connection) -> int:
    """Let all dead letters be sent again, with all their attempts; returns how many there were."""
    return connection.execute(
        "update outbox set state = 'waiting', attempts = 0, not_before = 0 where state = 'dead'"
    ).rowcount


def forget_sent(connection: sqlite3.Connection, before: int) -> None:
    """Delete messages that were sent before a time, in microseconds since the epoch."""
    connection.execute("delete from outbox where state = 'sent' and sent_at < ?", (before,))
