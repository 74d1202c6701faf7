"""Decoded pieces of a segment as Polars columns, then as the sorted table of one landing file.

Names are kept as numbers until the end: numbers sort and copy far faster than text.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from sensor_platform.landing.intake import Piece
from sensor_platform.reading.batch import Block, Decoded


@dataclass(slots=True)
class Names:
    """Texts by number, in order of first appearance."""

    numbers: dict[str, int] = field(default_factory=dict)

    def of(self, texts: Sequence[str]) -> list[int]:
        """The number of each text."""
        numbers = self.numbers
        for text in set(texts).difference(numbers):
            numbers[text] = len(numbers)
        return [numbers[text] for text in texts]

    def table(self) -> tuple[pl.Series, pl.Series]:
        """The texts by number, and the rank of each number in the order of the texts."""
        texts = list(self.numbers)
        ranks = [0] * len(texts)
        for rank, number in enumerate(sorted(range(len(texts)), key=texts.__getitem__)):
            ranks[number] = rank
        return pl.Series(texts, dtype=pl.String), pl.Series(ranks, dtype=pl.Int32)


@dataclass(slots=True)
class TagSets:
    """Distinct tag maps of a segment by number."""

    numbers: dict[tuple[tuple[str, str], ...], int] = field(default_factory=lambda: {(): 0})

    def of(self, tag_sets: Iterable[tuple[tuple[str, str], ...]]) -> list[int]:
        """The number of each tag set."""
        return [self.numbers.setdefault(tags, len(self.numbers)) for tags in tag_sets]

    def table(self) -> pl.Series:
        """The maps by number."""
        return pl.Series([dict(tags) for tags in self.numbers], dtype=pl.Map(pl.String, pl.String))


@dataclass(slots=True)
class Readings:
    """The readings of one segment, filled piece by piece."""

    segment: str
    devices: Names = field(default_factory=Names)
    metrics: Names = field(default_factory=Names)
    topics: Names = field(default_factory=Names)
    tags: TagSets = field(default_factory=TagSets)
    frames: list[pl.DataFrame] = field(default_factory=list)

    def add(self, piece: Piece, decoded: Decoded) -> None:
        """Take over the readings of a piece, except those of duplicates."""
        if not decoded.blocks:
            return
        records = self._records(piece, decoded)
        frame = self._readings(decoded.blocks)
        frame = pl.concat([records[frame["record"]], frame.drop("record")], how="horizontal")
        if not frame["is_described"].all():
            other = pl.lit(None, pl.String)
            described = pl.col("is_described")
            frame = frame.with_columns(pl.when(described).then(pl.col("unit", "quality")).otherwise(other).name.keep())
        if piece.duplicates:
            frame = frame.filter(~pl.col("is_duplicate"))
        self.frames.append(frame.drop("is_described", "is_duplicate"))

    def table(self, slot: int) -> pl.DataFrame:
        """All readings as landing columns, and their slot, sorted by slot, device, metric, time and position.

        Args:
            slot: microseconds.
        """
        frame = pl.concat(self.frames) if self.frames else _EMPTY
        devices, device_ranks = self.devices.table()
        metrics, metric_ranks = self.metrics.table()
        topics, _ = self.topics.table()
        order = frame.select(
            (pl.col("event_at") // slot * slot).alias("slot_start"),
            device_ranks.gather(frame["device"]).alias("device_rank"),
            metric_ranks.gather(frame["metric"]).alias("metric_rank"),
            "event_at",
            "position",
        ).with_row_index("row")
        order = order.sort("slot_start", "device_rank", "metric_rank", "event_at", "position", "row")
        frame = frame[order["row"]]
        return frame.select(
            devices.gather(frame["device"]).alias("device_id"),
            metrics.gather(frame["metric"]).alias("metric"),
            pl.col("event_at", "received_at").cast(pl.Datetime("us")),
            "value",
            "text",
            "unit",
            "quality",
            self.tags.table().gather(frame["tags"]).alias("tags"),
            "message_id",
            topics.gather(frame["topic"]).alias("topic"),
            pl.lit(self.segment).alias("segment"),
            "position",
            "is_device_time",
            "is_suspect",
            order["slot_start"],
        )

    def _records(self, piece: Piece, decoded: Decoded) -> pl.DataFrame:
        """What readings share, one row per record."""
        records = decoded.records
        message = pl.Series(records.message, dtype=pl.UInt32)
        received_at = pl.Series(piece.messages.received_at, dtype=pl.Int64)
        topic = pl.Series(self.topics.of(piece.messages.topics), dtype=pl.UInt32)
        tags = pl.Series(self.tags.of(decoded.tag_sets), dtype=pl.UInt32)
        return pl.DataFrame(
            {
                "device": pl.Series(self.devices.of(records.device_id), dtype=pl.UInt32),
                "event_at": pl.Series(records.event_at, dtype=pl.Int64),
                "received_at": received_at.gather(message),
                "unit": pl.Series(records.unit, dtype=pl.String),
                "quality": pl.Series(records.quality, dtype=pl.String),
                "tags": tags.gather(pl.Series(records.tags, dtype=pl.UInt32)),
                "message_id": pl.Series(records.message_id, dtype=pl.String),
                "topic": topic.gather(message),
                "position": message.cast(pl.Int64) + piece.position,
                "is_device_time": pl.Series(records.is_device_time, dtype=pl.Boolean),
                "is_suspect": message.is_in(sorted(piece.suspects)),
                "is_duplicate": message.is_in(sorted(piece.duplicates)),
            }
        )

    def _readings(self, blocks: Sequence[Block]) -> pl.DataFrame:
        """What is a reading's own, one row per reading; numbers first, then texts."""
        numbers = [block for block in blocks if block.value is not None]
        texts = [block for block in blocks if block.text is not None]
        values = np.concatenate([np.frombuffer(block.value or b"", np.float64) for block in numbers] or [np.empty(0)])
        said = [text for block in texts for text in block.text or ()]
        blocks = [*numbers, *texts]
        return pl.DataFrame(
            {
                "record": pl.Series(np.concatenate([np.asarray(block.record, np.uint32) for block in blocks])),
                "metric": pl.Series(np.concatenate([self._metric(block) for block in blocks])),
                "is_described": pl.Series(
                    np.concatenate([np.full(len(block.record), block.is_described) for block in blocks])
                ),
                "value": pl.concat([pl.Series(values), pl.Series([None] * len(said), dtype=pl.Float64)]),
                "text": pl.concat(
                    [
                        pl.Series([None], dtype=pl.String).new_from_index(0, len(values)),
                        pl.Series(said, dtype=pl.String),
                    ]
                ),
            }
        )

    def _metric(self, block: Block) -> "np.ndarray[tuple[int], np.dtype[np.uint32]]":
        if isinstance(block.metric, str):
            return np.full(len(block.record), self.metrics.of([block.metric])[0], np.uint32)
        return np.array(self.metrics.of(block.metric), np.uint32)


_EMPTY = pl.DataFrame(
    schema={
        "device": pl.UInt32,
        "event_at": pl.Int64,
        "received_at": pl.Int64,
        "unit": pl.String,
        "quality": pl.String,
        "tags": pl.UInt32,
        "message_id": pl.String,
        "topic": pl.UInt32,
        "position": pl.Int64,
        "is_device_time": pl.Boolean,
        "is_suspect": pl.Boolean,
        "metric": pl.UInt32,
        "value": pl.Float64,
        "text": pl.String,
    }
)
