"""Sends what waits in the outbox, one thread per channel, so that a channel that hangs holds up nobody else.

At least once: a message counts as sent only after its channel took it, and a kill in between sends it again with the
same key. Failures wait longer each time, up to ten minutes, and end among the dead letters after so many attempts.
"""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sensor_platform.alert.store import connect
from sensor_platform.kernel.backoff import Backoff
from sensor_platform.kernel.clock import MINUTE, SECOND
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.sinks.channels import Sender, Unsent

log = logging.getLogger(__name__)
_BACKOFF = Backoff(2 * SECOND, 10 * MINUTE)
_MOST_TOGETHER = 50
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    grouping: str
    body: bytes
    attempts: int


def always() -> bool:
    """It is up."""
    return True


@dataclass(slots=True)
class Dispatcher:
    """One channel's thread."""

    name: str
    path: Path
    """Of the store."""
    sender: Sender
    clock: Callable[[], int]
    per_minute: int = 60
    attempts: int = 20
    is_up: Callable[[], bool] = always
    """While it is not, everything waits in order and counts no attempt: a link that may be away for days."""
    sent: int = 0
    failed: int = 0
    problem: str = ""
    """Of the last try; empty where it worked."""
    _news: threading.Event = field(default_factory=threading.Event)
    _is_stopping: bool = False
    _recent: deque[float] = field(default_factory=deque)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin sending."""
        self._thread = threading.Thread(target=self._run, name=f"channel {self.name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There may be something new."""
        self._news.set()

    def stop(self, seconds: float = 2.0) -> None:
        """Let the message that is on its way finish; the rest stays in the outbox."""
        self._is_stopping = True
        self._news.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def send_due(self, connection: sqlite3.Connection) -> bool:
        """Send what is due, one message or one group; False where nothing is, or the rate does not allow it."""
        if not self._may_send():
            return False
        if not self.is_up():
            self.problem = "not connected"
            return False
        rows = self._due(connection)
        if not rows:
            return False
        try:
            self.sender.send([row.body for row in rows])
        except Unsent as error:
            self._note_failure(connection, rows, str(error))
        else:
            self.problem = ""
            self.sent += len(rows)
            self._recent.append(time.monotonic())
            with transaction(connection):
                connection.executemany(
                    "update outbox set state = 'sent', sent_at = ?, problem = '' where id = ?",
                    [(self.clock(), row.number) for row in rows],
                )
        return True

    def _run(self) -> None:
        connection = connect(self.path)
        try:
            while not self._is_stopping:
                self._news.clear()
                try:
                    while not self._is_stopping and self.send_due(connection):
                        pass
                except (sqlite3.OperationalError, OSError) as error:
                    self.problem = f"{type(error).__name__}: {error}"
                    log.warning("channel %s waits: %s", self.name, self.problem)
                self._news.wait(_LOOK_SECONDS)
        finally:
            self.sender.close()
            connection.close()

    def _may_send(self) -> bool:
        now = time.monotonic()
        while self._recent and self._recent[0] < now - 60.0:
            self._recent.popleft()
        return len(self._recent) < self.per_minute

    def _due(self, connection: sqlite3.Connection) -> Sequence[_Row]:
        """The oldest message that is due, with those of its group."""
        first = connection.execute(
            "select id, grouping, body, attempts from outbox where channel = ? and state = 'waiting'"
            " and not_before <= ? order by not_before, id limit 1",
            (self.name, self.clock()),
        ).fetchone()
        if first is None:
            return []
        if not first[1]:
            return [_Row(*first)]
        rows = connection.execute(
            "select id, grouping, body, attempts from outbox where channel = ? and state = 'waiting' and grouping = ?"
            " order by id limit ?",
            (self.name, first[1], _MOST_TOGETHER),
        )
        return [_Row(*row) for row in rows]

    def _note_failure(self, connection: sqlite3.Connection, rows: Sequence[_Row], problem: str) -> None:
        if problem != self.problem:
            log.warning("channel %s: %s; it is tried again", self.name, problem)
        self.problem = problem
        with transaction(connection):
            for row in rows:
                tries = row.attempts + 1
                state = "dead" if tries >= self.attempts else "waiting"
                connection.execute(
                    "update outbox set attempts = ?, state = ?, problem = ?, not_before = ? where id = ?",
                    (tries, state, problem, self.clock() + round(_BACKOFF.after(tries)), row.number),
                )
        self.failed += 1


def revive(connection: sqlite3.Connection) -> int:
    """Dead letters get another life; returns how many."""
    return connection.execute(
        "update outbox set state = 'waiting', attempts = 0, not_before = 0 where state = 'dead'"
    ).rowcount
