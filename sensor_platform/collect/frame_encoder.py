"""From packets to frames: flags decided, frame added to the writer, replies kept until the writer has committed."""

import time
from collections.abc import Callable

from sensor_platform.collect.collector_status import Counters
from sensor_platform.collect.mqtt.packets import PacketRun, encode_replies
from sensor_platform.collect.mqtt.redelivery import RedeliveryDetector
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.wal import BatchFacts, encode_mqtt
from sensor_platform.wal.writer import WalWriter


class FrameEncoder:
    """What stands between a connection and the disk."""

    def __init__(self, writer: WalWriter, redelivery: RedeliveryDetector, clock_us: Callable[[], int]) -> None:
        self._writer = writer
        self._redelivery = redelivery
        self._clock_us = clock_us
        self._replies: list[int] = []
        self._waiting = Counters()
        self.counters = Counters()
        self.since = 0.0
        """When the oldest message that is not committed was taken; monotonic seconds."""
        self.is_session_present = False

    @property
    def waiting(self) -> int:
        """Messages taken but not yet committed."""
        return self._waiting.messages

    @property
    def has_work(self) -> bool:
        """True where there is something to commit or to answer."""
        return bool(self._writer.pending_bytes or self._replies)

    def take(self, raw: bytes, run: PacketRun, level: int) -> None:
        """Packets of one run; safe, and to be answered, after `commit`."""
        flags = self._redelivery.flags(raw, run, level, is_session_present=self.is_session_present)
        facts = BatchFacts(
            received_at=self._clock_us(),
            session=self._redelivery.session,
            is_session_present=self.is_session_present,
            level=level,
            messages=run.messages,
            flags=flags,
        )
        if not self._waiting.messages:
            self.since = time.monotonic()
        self._writer.add(encode_mqtt(facts, (raw,)))
        self._replies += run.replies
        waiting = self._waiting
        waiting.messages += run.messages
        waiting.best_effort += run.best_effort
        waiting.bytes += len(raw)
        for _, flag in flags:
            waiting.duplicates += flag == EnvelopeFlag.DUPLICATE
            waiting.suspects += flag == EnvelopeFlag.SUSPECT

    def commit(self) -> bytes:
        """Make everything taken so far durable, and give the replies that may be sent now.

        Raises:
            OSError: nothing was committed, nothing may be answered; call again.
        """
        self._writer.commit()
        replies, self._replies = self._replies, []
        done, self._waiting = self._waiting, Counters()
        total = self.counters
        total.messages += done.messages
        total.best_effort += done.best_effort
        total.bytes += done.bytes
        total.duplicates += done.duplicates
        total.suspects += done.suspects
        total.commits += 1
        return encode_replies(replies)

    def drop_replies(self) -> None:
        """The connection is gone: its packet ids mean nothing on the next one. The messages stay."""
        self._replies = []
