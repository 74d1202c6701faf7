"""When to send: every message has its offset from the start, and lateness never adds up."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

_SHORTEST_PAUSE = 0.002
"""Seconds. At 20,000 messages a second a wait for each would cost more than sending it; they leave in small groups."""


@dataclass(frozen=True, slots=True)
class ScheduledMessage:
    """One message and when it is due."""

    offset: float
    """Seconds after the start; does not decrease within one stream."""
    topic: str
    payload: bytes


class Outlet(Protocol):
    """What the schedule needs of a publisher."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Queue one message; may block."""

    def pump(self, seconds: float) -> None:
        """Keep the connection going for `seconds`."""


class Clock(Protocol):
    """Seconds that only grow."""

    def __call__(self) -> float:
        """Now."""


def send_on_schedule(messages: Iterable[ScheduledMessage], outlet: Outlet, clock: Clock = time.monotonic) -> float:
    """Publish each message at its offset or as soon after it as possible; return the seconds taken.

    The schedule is absolute: a stall is caught up with, so that the mean rate is the one that was asked for.
    """
    start = clock()
    elapsed = 0.0
    for message in messages:
        while message.offset > elapsed:
            elapsed = clock() - start
            if message.offset > elapsed:
                outlet.pump(max(message.offset - elapsed, _SHORTEST_PAUSE))
                elapsed = clock() - start
        outlet.publish(message.topic, message.payload)
    return clock() - start
