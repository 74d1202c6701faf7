"""When what was read is made durable and answered, and what happens while the disk refuses."""

import logging
import time
from collections.abc import Callable

from sensor_platform.collect.collector_status import CollectorStatus
from sensor_platform.collect.frame_encoder import FrameEncoder
from sensor_platform.collect.pauses import CommitWindow
from sensor_platform.kernel.backoff import Backoff
from sensor_platform.wal.writer import WalWriter

log = logging.getLogger(__name__)
_MAX_PENDING_BYTES = 4 << 20
_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 0.25, 5.0


class GroupCommit:
    """Group commits of one collector. Order that nothing may change: frames are fsynced, then answered.

    A disk that fails stalls: nothing more may be read, and nothing is answered, until a commit works again.
    """

    def __init__(
        self,
        encoder: FrameEncoder,
        writer: WalWriter,
        status: CollectorStatus,
        answer: Callable[[bytes], None],
        longest_seconds: float,
    ) -> None:
        self._encoder = encoder
        self._writer = writer
        self._status = status
        self._answer = answer
        self._stall: Backoff | None = None
        self._retry_at = 0.0
        self.window = CommitWindow(longest_seconds)

    @property
    def is_stalled(self) -> bool:
        """True while the disk refuses."""
        return self._stall is not None

    def commit_when_due(self, now: float, *, is_idle: bool) -> None:
        """Commit a group that is complete: the socket has no more, the group is large, or has waited long enough."""
        is_full = self._writer.pending_bytes >= _MAX_PENDING_BYTES
        if self._encoder.has_work and (is_full or is_idle or self.window.is_due(now)):
            self.commit()

    def retry_when_due(self, now: float) -> None:
        """While stalled: try again, less and less often."""
        if now >= self._retry_at:
            self.commit()

    def commit_rest(self) -> None:
        """Commit what waits, if anything does."""
        if self._encoder.has_work:
            self.commit()

    def commit(self) -> None:
        """Write, fsync, then answer; stalls where that fails."""
        started = time.monotonic()
        has_messages = bool(self._encoder.waiting)
        try:
            replies = self._encoder.commit()
        except OSError as error:
            self._stalled(error)
            return
        self.window.note_commit(time.monotonic() - started)
        if replies:
            self._answer(replies)
        if has_messages:
            self._status.counters.note_ack(time.monotonic() - self._encoder.since)
        if self._stall is not None:
            log.warning("writing works again; reading goes on")
            self._stall = None

    def _stalled(self, error: OSError) -> None:
        if self._stall is None:
            self._stall = Backoff(_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS)
            self._status.counters.stalls += 1
            log.error("cannot write to %s: %s; reading stopped, nothing acknowledged", self._writer.wal, error)
        self._status.problem = f"cannot write: {error}"
        self._retry_at = time.monotonic() + self._stall.next()

    def seal_when_due(self, seconds: float, size: int) -> None:
        """Seal the open segment where it is `seconds` old or `size` bytes large; try what could not be sealed again."""
        if self._writer.age >= seconds or self._writer.size >= size:
            self.commit_rest()
            self._writer.seal()
        self._writer.mend()
