"""Reads a sealed segment: its messages in large batches, and their number by the collector's own count."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sensor_platform.kernel.clock import HOUR
from sensor_platform.reading.batch import MessageBatch
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.wal import (
    Batch,
    DamagedBytes,
    FrameKind,
    decode_mqtt,
    decode_records,
    open_segment,
    read_batches,
    read_frame,
    read_frames,
)


@dataclass(slots=True)
class SegmentBatch:
    """Consecutive messages of one segment, with the parts of their envelopes that the quarantine keeps."""

    position: int
    """Ordinal in the segment of the first message."""
    messages: MessageBatch
    heads: list[int]
    """First byte of the PUBLISH: bit 0 retain, bits 1-2 QoS."""
    duplicates: set[int]
    """Indices of messages that are already in the WAL."""
    suspects: set[int]
    """Indices of messages that may already be in the WAL."""


@dataclass(slots=True)
class SegmentReader:
    """Reads one segment."""

    path: Path
    damage: list[DamagedBytes] = field(default_factory=list)

    def batches(self, messages: int) -> Iterator[SegmentBatch]:
        """Batches of at least `messages` messages (the last may be smaller). Fills `damage` at the end."""
        found: list[DamagedBytes] = []
        some: list[Batch] = []
        count = 0
        for batch in read_batches(self.path, offset=_start(self.path, found), damage=found):
            if batch.topics:
                some.append(batch)
                count += len(batch)
            if count >= messages:
                yield join(some)
                some, count = [], 0
        if some:
            yield join(some)
        self.damage = _merged(found)

    def arrivals(self, end: int | None = None) -> dict[int, int]:
        """Hour (start, microseconds) to number of messages by the collector's count, which the frames carry.

        Args:
            end: count no further than this offset: the committed one of a segment that is still written.
        """
        counted: Counter[int] = Counter()
        for frame in read_frames(self.path, offset=_start(self.path, []), end=end, damage=[]):
            if frame.kind == FrameKind.MQTT:
                facts, _ = decode_mqtt(frame.body)
                counted[facts.received_at // HOUR * HOUR] += facts.messages
            elif frame.kind == FrameKind.RECORDS:
                counted.update(record.received_at // HOUR * HOUR for record in decode_records(frame.body))
        return {hour: count for hour, count in sorted(counted.items()) if count}


def _start(path: Path, damage: list[DamagedBytes]) -> int:
    """Where reading starts: 0, or 1 where the header itself is damaged, so that the reader looks for the next frame."""
    with open_segment(path) as file:
        first = read_frame(file)
    if isinstance(first, bytes) or first[0] != FrameKind.HEADER:
        damage.append(DamagedBytes(0, 1))
        return 1
    return 0


def _merged(damage: list[DamagedBytes]) -> list[DamagedBytes]:
    """Adjacent ranges as one."""
    merged: list[DamagedBytes] = []
    for found in damage:
        if merged and merged[-1].offset + merged[-1].length == found.offset:
            merged[-1] = DamagedBytes(merged[-1].offset, merged[-1].length + found.length)
        else:
            merged.append(found)
    return merged


def join(batches: list[Batch]) -> SegmentBatch:
    """Several batches of the WAL as one."""
    topics: list[str] = []
    payloads: list[bytes] = []
    received_at: list[int] = []
    heads: list[int] = []
    joined = SegmentBatch(batches[0].position, MessageBatch(topics, payloads, received_at, {}, {}), heads, set(), set())
    user_properties: dict[int, tuple[tuple[str, str], ...]] = {}
    keys: dict[int, bytes] = {}
    retained: set[int] = set()
    for batch in batches:
        base = len(topics)
        topics.extend(batch.topics)
        payloads.extend(batch.payloads)
        received_at.extend(batch.received_at)
        heads.extend(batch.heads)
        if any(head & 1 for head in set(batch.heads)):
            retained.update(base + index for index, head in enumerate(batch.heads) if head & 1)
        for index, flag in batch.flags.items():
            (joined.duplicates if flag & EnvelopeFlag.DUPLICATE else joined.suspects).add(base + index)
        for index, extra in batch.extras.items():
            if extra.user_properties:
                user_properties[base + index] = extra.user_properties
            if extra.key is not None:
                keys[base + index] = extra.key
    joined.messages = MessageBatch(topics, payloads, received_at, user_properties, keys, retained)
    return joined
