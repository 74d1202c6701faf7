"""When the messages that were read are committed and acknowledged, and what happens while the disk fails."""

import logging
import time
from collections.abc import Callable

from sensor_platform.collect.collector_status import CollectorStatus
from sensor_platform.collect.mqtt.commit_window import CommitWindow
from sensor_platform.collect.mqtt.frame_encoder import FrameEncoder
from sensor_platform.kernel.backoff import Backoff
from sensor_platform.wal import WalWriter

log = logging.getLogger(__name__)
_MAX_PENDING_BYTES = 4 << 20
_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 0.25, 5.0


class GroupCommit:
    """Group commits of one collector. The order never changes: frames are fsynced, then acknowledged.

    A failing disk stalls the collector: nothing more is read or acknowledged until a commit succeeds.
    """

    def __init__(
        self,
        encoder: FrameEncoder,
        wal: WalWriter,
        status: CollectorStatus,
        reply: Callable[[bytes], None],
        longest_seconds: float,
    ) -> None:
        """Nothing is stalled yet.

        Args:
            encoder: has the frames and their replies.
            wal: the WAL writer behind the encoder.
            status: problems and counters go there.
            reply: sends acknowledgement packets.
            longest_seconds: maximum time from reading a message to its acknowledgement, as far as the disk allows it.
        """
        self._encoder = encoder
        self._wal = wal
        self._status = status
        self._reply = reply
        self._stall: Backoff | None = None
        self._retry_at = 0.0
        self.window = CommitWindow(longest_seconds)

    @property
    def is_stalled(self) -> bool:
        """True while commits fail."""
        return self._stall is not None

    def commit_when_due(self, now: float, *, is_idle: bool) -> None:
        """Commit a group that is complete: the socket has no more, the group is large, or has waited long enough."""
        is_full = self._wal.pending_bytes >= _MAX_PENDING_BYTES
        if self._encoder.has_work and (is_full or is_idle or self.window.is_due(now)):
            self.commit()

    def retry_when_due(self, now: float) -> None:
        """While stalled: try again, at growing intervals."""
        if now >= self._retry_at:
            self.commit()

    def commit_rest(self) -> None:
        """Commit what waits, if anything does."""
        if self._encoder.has_work:
            self.commit()

    def commit(self) -> None:
        """Write, fsync, then acknowledge; stalls where that fails."""
        started = time.monotonic()
        has_messages = bool(self._encoder.waiting)
        try:
            replies = self._encoder.commit()
        except OSError as error:
            self._stalled(error)
            return
        self.window.note_commit(time.monotonic() - started)
        if replies:
            self._reply(replies)
        if has_messages:
            self._status.counters.note_ack(time.monotonic() - self._encoder.since)
        if self._stall is not None:
            log.warning("writing works again; reading continues")
            self._stall = None

    def _stalled(self, error: OSError) -> None:
        if self._stall is None:
            self._stall = Backoff(_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS)
            self._status.counters.stalls += 1
            log.error("cannot write to %s: %s; reading stopped, nothing acknowledged", self._wal.folders.open, error)
        self._status.problem = f"cannot write: {error}"
        self._retry_at = time.monotonic() + self._stall.next()
