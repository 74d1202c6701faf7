"""Messages of the raw archive and of pending segments since a given time, without duplicates."""

from collections.abc import Callable, Iterator
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.landing.ledger import raw_files_since, read_ledger
from sensor_platform.landing.record_batches import SegmentBatch, SegmentReader
from sensor_platform.reading.batch import MessageBatch

_BATCH_MESSAGES = 50_000


def traffic(home: Home, since: int, wants: Callable[[str], bool]) -> Iterator[SegmentBatch]:
    """Messages in order of segments, batch by batch.

    Args:
        home: the data folder.
        since: receive time of the first, microseconds since the epoch, UTC.
        wants: whether a topic is wanted.
    """
    for path in _segments(home, since):
        try:
            for piece in SegmentReader(path).batches(_BATCH_MESSAGES):
                kept = _kept(piece, since, wants)
                if len(kept.messages):
                    yield kept
        except FileNotFoundError:
            continue  # landed or expired meanwhile


def _segments(home: Home, since: int) -> Iterator[Path]:
    """Segments that may have messages since then: one committed before `since` cannot."""
    with read_ledger(home) as ledger:
        if ledger is not None:
            yield from raw_files_since(ledger, home, since)
    yield from sorted(home.wal.glob("*.wal"))


def _kept(piece: SegmentBatch, since: int, wants: Callable[[str], bool]) -> SegmentBatch:
    batch = piece.messages
    topics = {topic: wants(topic) for topic in set(batch.topics)}
    rows = [
        row
        for row, (topic, at) in enumerate(zip(batch.topics, batch.received_at, strict=True))
        if topics[topic] and at >= since and row not in piece.duplicates
    ]
    if len(rows) == len(batch):
        return piece
    numbered = {row: number for number, row in enumerate(rows)}
    return SegmentBatch(
        piece.position,
        MessageBatch(
            [batch.topics[row] for row in rows],
            [batch.payloads[row] for row in rows],
            [batch.received_at[row] for row in rows],
            {numbered[row]: found for row, found in batch.user_properties.items() if row in numbered},
            {numbered[row]: found for row, found in batch.keys.items() if row in numbered},
            {numbered[row] for row in batch.retained if row in numbered},
        ),
        [piece.heads[row] for row in rows],
        set(),
        {numbered[row] for row in piece.suspects if row in numbered},
    )
