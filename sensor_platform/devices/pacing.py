"""Sends messages on a schedule: each has an offset from the start, and delays do not accumulate."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

_SHORTEST_PAUSE = 0.002
"""Seconds. Waiting for each of 20,000 messages a second would cost more than sending it, so small groups are sent."""


@dataclass(frozen=True, slots=True)
class ScheduledMessage:
    """One message and its due time."""

    offset: float
    """Seconds after the start; never decreases within one stream."""
    topic: str
    payload: bytes


class Outlet(Protocol):
    """The part of a publisher that the schedule uses."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Queue one message; may block."""

    def pump(self, seconds: float) -> None:
        """Send and receive for `seconds`."""


def send_on_schedule(
    messages: Iterable[ScheduledMessage], outlet: Outlet, clock: Callable[[], float] = time.monotonic
) -> float:
    """Publish each message at its offset, or as soon after it as possible; returns the seconds taken.

    The schedule is absolute: after a stall it catches up, so that the mean rate is the requested one.
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
