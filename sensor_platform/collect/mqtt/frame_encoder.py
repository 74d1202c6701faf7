"""Encodes packets as frames: flags are decided, the frame is queued, replies are kept until the frame is committed."""

import time
from collections.abc import Callable

from sensor_platform.collect.collector_status import Counters
from sensor_platform.collect.mqtt.packets import PacketRun, encode_replies
from sensor_platform.collect.mqtt.redelivery import RedeliveryDetector
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.wal import BatchFacts, WalWriter, encode_mqtt


class FrameEncoder:
    """Between a connection and the WAL writer."""

    def __init__(
        self, wal: WalWriter, redelivery: RedeliveryDetector, clock: Callable[[], int], counters: Counters
    ) -> None:
        """Nothing waits yet.

        Args:
            wal: takes the frames.
            redelivery: decides the flags.
            clock: microseconds since the epoch, UTC.
            counters: of what has been committed.
        """
        self._wal = wal
        self._redelivery = redelivery
        self._clock = clock
        self._replies: list[int] = []
        self._waiting = Counters()
        self._counters = counters
        self.since = 0.0
        """When the oldest message that is not committed was taken; monotonic seconds."""
        self.is_session_present = False

    @property
    def waiting(self) -> int:
        """Messages taken but not yet committed."""
        return self._waiting.messages

    @property
    def has_work(self) -> bool:
        """True where there is something to commit or to acknowledge."""
        return bool(self._wal.pending_bytes or self._replies)

    def take(self, raw: bytes, run: PacketRun, level: int) -> None:
        """Queue the packets of one run; they are safe, and may be acknowledged, after `commit`."""
        flags = self._redelivery.flags(raw, run, level, is_session_present=self.is_session_present)
        facts = BatchFacts(
            received_at=self._clock(),
            session=self._redelivery.session,
            is_session_present=self.is_session_present,
            level=level,
            messages=run.messages,
            flags=flags,
        )
        if not self._waiting.messages:
            self.since = time.monotonic()
        self._wal.add(encode_mqtt(facts, (raw,), begins_group=self._wal.is_empty))
        self._replies += run.replies
        waiting = self._waiting
        waiting.messages += run.messages
        waiting.best_effort += run.best_effort
        waiting.bytes += len(raw)
        for _, flag in flags:
            waiting.duplicates += flag == EnvelopeFlag.DUPLICATE
            waiting.suspects += flag == EnvelopeFlag.SUSPECT

    def commit(self) -> bytes:
        """Make everything taken so far durable, and return the replies that may be sent now.

        Raises:
            OSError: nothing was committed, nothing may be acknowledged; call again.
        """
        self._wal.commit()
        replies, self._replies = self._replies, []
        done, self._waiting = self._waiting, Counters()
        total = self._counters
        total.messages += done.messages
        total.best_effort += done.best_effort
        total.bytes += done.bytes
        total.duplicates += done.duplicates
        total.suspects += done.suspects
        total.commits += 1
        return encode_replies(replies)

    def drop_replies(self) -> None:
        """Drop the replies of a connection that has ended: its packet ids are not valid on the next one."""
        self._replies = []
