"""Local times that clocks show twice (the hour that autumn repeats) or never (the hour that spring leaves out)."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal

from sensor_platform.kernel.clock import MINUTE, to_micros

RepeatedHour = Literal["refuse", "first", "second"]
_AHEAD = MINUTE
"""How far a device's clock may be ahead of its message's arrival, microseconds, for the arrival to decide."""


@dataclass(frozen=True, slots=True)
class FromArrival:
    """A time that counts from the arrival of its message, in microseconds."""

    micros: int


@dataclass(frozen=True, slots=True)
class UnclearTime:
    """A local time with two meanings, microseconds since the epoch."""

    first: int
    """By the offset that was in force before the clocks were changed."""
    second: int
    """By the offset after it."""
    text: str
    """As the device wrote it."""

    def resolve(self, received_at: int | None, choice: RepeatedHour) -> int | str:
        """The time, or the reason why it is not known.

        Args:
            received_at: arrival of the message; None where it says nothing about the time.
            choice: which of the two it is where the arrival does not tell.
        """
        if received_at is not None and (found := self._by_arrival(received_at)) is not None:
            return found
        if choice != "refuse":
            return self.first if choice == "first" else self.second
        if self.first < self.second:
            return f"{self.text} is shown twice by clocks of this time zone, and its arrival does not tell which it is"
        return f"{self.text} is never shown by clocks of this time zone, which skip it in spring"

    def _by_arrival(self, received_at: int) -> int | None:
        """The one that the arrival fits: not ahead of it, and nearer than the clocks were moved."""
        apart = abs(self.second - self.first)
        if self.first < self.second and received_at < self.second - _AHEAD:
            return self.first  # the second is still to come
        late = max(self.first, self.second)
        return late if late - _AHEAD <= received_at < late + apart else None


def local_time(parsed: datetime, zone: tzinfo, text: str) -> int | UnclearTime:
    """Microseconds since the epoch of a local time, or both of its meanings.

    Args:
        parsed: without a zone.
        zone: in which it was written.
        text: for messages.

    Raises:
        OverflowError: it is outside the years that Python knows.
    """
    before, after = (parsed.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if before.utcoffset() == after.utcoffset():
        return to_micros(before)
    return UnclearTime(to_micros(before), to_micros(after), text)
