"""Sends what waits in the outbox: one thread per channel, so that a slow channel does not delay the others.

Delivery is at least once: a message counts as sent only after its sink accepted it, and after a kill in between it is
sent again with the same key. After a failure the pause doubles, up to ten minutes. After the channel's number of
attempts a message becomes a dead letter; what can never be sent becomes one at once. An output stream keeps its order:
its first failure holds what comes after it.
"""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sensor_platform.alert.outbox import LONGEST_PAUSE, OutboxRow, due_messages, mark_failed, mark_sent
from sensor_platform.alert.store import connect
from sensor_platform.kernel.backoff import Backoff
from sensor_platform.kernel.clock import SECOND
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.sinks.sink import Connections, Destination, Sink, Unsendable, Unsent
from sensor_platform.sinks.sink_table import make_sink

log = logging.getLogger(__name__)
_BACKOFF = Backoff(2 * SECOND, LONGEST_PAUSE)
_POLL_SECONDS = 0.5
_RATE_SECONDS = 60.0


@dataclass(slots=True)
class Dispatcher:
    """The thread of one channel."""

    destination: Destination
    sink: Sink
    path: Path
    """File of the live store."""
    clock: Callable[[], int]
    """Microseconds since the epoch."""
    sent: int = 0
    failed: int = 0
    problem: str = ""
    """Why the last attempt failed; empty if it succeeded."""
    _news: threading.Event = field(default_factory=threading.Event)
    _is_stopping: bool = False
    _recent: deque[float] = field(default_factory=deque)
    _thread: threading.Thread | None = None

    @property
    def name(self) -> str:
        """Name of the channel."""
        return self.destination.name

    @property
    def is_internal(self) -> bool:
        """Whether the channel belongs to the platform (commands, streams, triggers) instead of rules.yaml."""
        return self.name.startswith("(")

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=f"channel {self.name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look into the outbox now."""
        self._news.set()

    def stop(self, seconds: float = 2.0) -> None:
        """Let the current attempt finish; all other messages stay in the outbox."""
        self._is_stopping = True
        self._news.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def send_due(self, connection: sqlite3.Connection) -> bool:
        """Send one message or one group that is due; returns False if there is none or it may not be sent now."""
        if not self._is_within_rate():
            return False
        if not self.sink.is_up():
            self.problem = "not connected"
            return False
        rows = due_messages(connection, self.name, self.clock(), is_ordered=self.destination.is_ordered)
        if rows:
            self._send(connection, rows)
        return bool(rows)

    def _send(self, connection: sqlite3.Connection, rows: Sequence[OutboxRow]) -> None:
        try:
            self.sink.send([message for row in rows for message in self.destination.read(row.body)])
        except Unsendable as error:
            if len(rows) > 1:  # only one of them may be at fault
                for row in rows:
                    self._send(connection, [row])
                return
            self._note_failure(connection, rows, str(error), is_final=True)
        except Unsent as error:
            self._note_failure(connection, rows, str(error))
        except Exception as error:  # noqa: BLE001 - libraries raise what they like, and the channel must go on
            self._note_failure(connection, rows, f"{type(error).__name__}: {error}")
        else:
            self.problem = ""
            self.sent += len(rows)
            self._recent.append(time.monotonic())
            with transaction(connection):
                mark_sent(connection, rows, self.clock())

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
                    log.warning("channel %s is waiting: %s", self.name, self.problem)
                self._news.wait(_POLL_SECONDS)
        finally:
            self.sink.close()
            connection.close()

    def _is_within_rate(self) -> bool:
        now = time.monotonic()
        while self._recent and self._recent[0] < now - _RATE_SECONDS:
            self._recent.popleft()
        return len(self._recent) < self.destination.per_minute

    def _note_failure(
        self, connection: sqlite3.Connection, rows: Sequence[OutboxRow], problem: str, *, is_final: bool = False
    ) -> None:
        if problem != self.problem:
            what = "a dead letter now" if is_final else "trying again later"
            log.warning("channel %s: %s; %s", self.name, problem, what)
        self.problem = problem
        with transaction(connection):
            for row in rows:
                attempts = row.attempts + 1
                is_last = is_final or attempts >= self.destination.attempts
                retry_at = self.clock() + round(_BACKOFF.after(attempts))
                mark_failed(connection, row, problem, retry_at, is_last=is_last)
        self.failed += 1


def make_dispatchers(
    destinations: Iterable[Destination], connections: Connections, path: Path, clock: Callable[[], int]
) -> list[Dispatcher]:
    """Make a dispatcher with its sink for each destination, not started.

    Args:
        destinations: with different names.
        connections: that the sinks share.
        path: file of the live store.
        clock: microseconds since the epoch.

    Raises:
        WrongUse: a sink cannot be made from its settings.
    """
    return [Dispatcher(each, make_sink(each, connections), path, clock) for each in destinations]
