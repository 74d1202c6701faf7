"""Opens a connection again after it was lost, with growing pauses; raises errors that do not pass by waiting."""

import logging
import time
from collections.abc import Callable

from sensor_platform.collect.collector_status import CollectorStatus
from sensor_platform.collect.mqtt.broker_connection import BrokerConnection
from sensor_platform.collect.mqtt.paho_client import TakenOver, UnknownHost
from sensor_platform.collect.mqtt.session_rivalry import SessionRivalry
from sensor_platform.errors import PlatformError, WrongUse
from sensor_platform.kernel.backoff import Backoff

log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 20.0
"""Seconds. With connecting itself (5 s at most) a broker is found again within 30 s."""


class Reconnector:
    """Keeps one `BrokerConnection` connected."""

    def __init__(self, connection: BrokerConnection, status: CollectorStatus, announce: Callable[[], None]) -> None:
        """Connects to nothing yet.

        Args:
            connection: not open yet.
            status: connections, losses and problems are noted there.
            announce: called once, when subscribed for the first time.
        """
        self._connection = connection
        self._status = status
        self._announce = announce
        self._backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        self._connect_at = 0.0
        self._is_announced = False
        self._rivalry = SessionRivalry()
        self._subscribed_at: float | None = None
        self._is_up = False  # a connection was opened, and `lost` has not been called for its end

    @property
    def is_lost(self) -> bool:
        """True where a connection has ended and `lost` has not been called yet."""
        return self._is_up and self._connection.sock is None

    def patience(self, now: float) -> float:
        """Seconds until the next attempt; 0 where it is due."""
        return max(0.0, self._connect_at - now)

    def open(self) -> None:
        """Try to connect.

        Raises:
            PlatformError: see `lost`.
        """
        try:
            self._connection.open()
        except PlatformError as error:
            self.lost(error)
            return
        self._is_up = True
        self._status.counters.connects += 1

    def lost(self, problem: PlatformError | None) -> None:
        """Note a lost or refused connection and plan the next attempt.

        Raises:
            PlatformError: at the first connection only: login, certificate, subscription or host name are wrong.
        """
        self._is_up = False
        connection = self._connection
        if problem and not connection.was_ever_connected and isinstance(problem, WrongUse | UnknownHost):
            raise problem
        if problem and not self._is_announced and isinstance(problem, WrongUse):
            raise problem
        now = time.monotonic()
        pause = self._backoff.next()
        self._connect_at = now + pause
        if connection.was_ever_connected:
            self._status.counters.disconnects += 1
        text = problem.message if problem else "the connection was lost"
        if self._subscribed_at is None:
            self._rivalry.note_outage()
        else:
            is_taken_over = isinstance(problem, TakenOver)
            self._rivalry.note_loss(now, now - self._subscribed_at, is_taken_over=is_taken_over)
            self._subscribed_at = None
            text = self._rival(now) or text
        if self._status.problem != text:
            log.warning("%s; trying again in %.1f s", text, pause)
        self._status.problem = text

    def tend(self) -> None:
        """Keep-alive, a few times a second while there is a connection."""
        self._connection.tend()
        if self._connection.is_subscribed:
            self._status.problem = self._rival(time.monotonic())
            if self._status.problem is None:
                self._backoff.reset()  # otherwise the two clients would throw each other out several times a second

    def _rival(self, now: float) -> str | None:
        """What to say while another client takes our session over; None where none seems to."""
        is_certain = self._rivalry.is_certain(now)
        if not is_certain and not self._rivalry.is_suspected(now):
            return None
        rival = TakenOver(self._connection.client_id, is_certain=is_certain)
        return f"{rival.message}; {rival.hint}"

    def note_read(self) -> None:
        """After each read: the first subscription is announced; a connection that was refused is closed."""
        connection = self._connection
        if connection.is_subscribed and self._subscribed_at is None:
            self._subscribed_at = time.monotonic()
        if connection.is_subscribed and not self._is_announced:
            self._is_announced = True
            self._announce()
        elif connection.problem is not None and connection.sock is not None and not connection.is_subscribed:
            connection.close()
