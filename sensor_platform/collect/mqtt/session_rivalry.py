"""Whether another client takes the broker session of this one over, again and again. Pure.

MQTT 5 gives reason 0x8E, where the broker sends it. Otherwise connections end soon after they were made, several in a
row, and the broker accepts the next one at once, because each of the two clients connects again when it was thrown out.
"""

from collections import deque

_SOON_SECONDS = 30.0
"""More than the longest pause of the other client."""
_SPAN_SECONDS = 300.0
_MANY = 4


class SessionRivalry:
    """The connections that ended soon after they were made."""

    def __init__(self) -> None:
        """No connection has ended yet."""
        self._losses: deque[float] = deque(maxlen=_MANY)
        self._certain_at = float("-inf")

    def note_loss(self, now: float, seconds: float, *, is_taken_over: bool) -> None:
        """A connection has ended.

        Args:
            now: monotonic seconds.
            seconds: since it was subscribed.
            is_taken_over: the broker said that another client took the session over.
        """
        if is_taken_over:
            self._certain_at = now
        if seconds < _SOON_SECONDS:
            self._losses.append(now)

    def note_outage(self) -> None:
        """The broker could not be reached: connections ended because of that."""
        self._losses.clear()

    def is_certain(self, now: float) -> bool:
        """Whether the broker said so not long ago."""
        return now - self._certain_at < _SPAN_SECONDS

    def is_suspected(self, now: float) -> bool:
        """Whether connections keep ending soon after they were made."""
        losses = self._losses
        return len(losses) == _MANY and now - losses[0] < _SPAN_SECONDS
