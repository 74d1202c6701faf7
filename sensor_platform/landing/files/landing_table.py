"""Decoded batches of a segment as Polars columns, then as the sorted table of one landing file.

Names are kept as numbers until the end: numbers sort and copy far faster than text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import polars as pl

from sensor_platform.landing.files.row_order import row_order
from sensor_platform.landing.files.text_codes import TagCodes, TextCodes
from sensor_platform.landing.record_batches import SegmentBatch
from sensor_platform.reading.batch import Decoded, ReadingBlock
from sensor_platform.reading.model import Reading

UNKNOWN_DEVICE = "(unknown)"
"""Device in the counts for messages that do not name one."""


@dataclass(slots=True)
class LandingTable:
    """The readings of one segment, filled batch by batch."""

    segment: str
    devices: TextCodes = field(default_factory=lambda: TextCodes({UNKNOWN_DEVICE: 0}))
    metrics: TextCodes = field(default_factory=TextCodes)
    topics: TextCodes = field(default_factory=TextCodes)
    tags: TagCodes = field(default_factory=TagCodes)
    records: list[pl.DataFrame] = field(default_factory=list)
    readings: list[pl.DataFrame] = field(default_factory=list)
    """`record` counts through all of `records`."""
    kinds: list[pl.DataFrame] = field(default_factory=list)
    """device, metric, kind, and the position and receive time of the first reading of it in a batch."""
    count: int = 0
    """Number of records so far."""

    def device_numbers(self, decoded: Decoded) -> pl.Series:
        """The number of each record's device."""
        return pl.Series(self.devices.of(decoded.records.device_id), dtype=pl.UInt32)

    def add(self, batch: SegmentBatch, decoded: Decoded, devices: pl.Series) -> None:
        """Add the readings of a batch, without those of duplicates.

        Args:
            batch: the messages.
            decoded: the decoded messages.
            devices: the number of each record's device.
        """
        if not decoded.blocks:
            return
        frame = self._readings(decoded.blocks)
        if batch.duplicates:
            message = pl.Series(decoded.records.message, dtype=pl.UInt32)
            is_fresh = ~message.is_in(sorted(batch.duplicates))
            frame = frame.filter(is_fresh.gather(frame["record"]))
        self.records.append(self._records(batch, decoded, devices))
        self.kinds.append(self._kinds_seen(batch, decoded, devices, frame))
        self.readings.append(frame.drop("kind").with_columns(pl.col("record") + self.count))
        self.count += len(devices)

    def seen_kinds(self) -> Iterator[tuple[str, str, int, int, int]]:
        """Device, metric, kind of value, position and receive time of its first reading; in order of position."""
        if not self.kinds:
            return
        devices, metrics = list(self.devices.numbers), list(self.metrics.numbers)
        seen = pl.concat(self.kinds).group_by("device", "metric", "kind").agg(pl.all().min())
        for device, metric, kind, position, received_at in seen.sort("position", "kind").iter_rows():
            yield devices[device], metrics[metric], kind, position, received_at

    def table(self, slot: int) -> pl.DataFrame:
        """All readings as landing columns, and their slot, sorted by slot, device, metric, time and position.

        Args:
            slot: microseconds.
        """
        records = pl.concat([_NO_RECORDS, *self.records]).with_columns(
            slot_start=pl.col("event_at") // slot * slot,
        )
        readings = pl.concat([_NO_READINGS, *self.readings])
        metric_ranks = pl.Series(self.metrics.ranks())
        ranks = pl.Series(self.devices.ranks()).gather(records["device"])
        readings = readings[row_order(readings, records.with_columns(rank=ranks), metric_ranks)]
        records = records.select(
            self.devices.series().gather(records["device"]).alias("device_id"),
            pl.col("event_at", "received_at").cast(pl.Datetime("us")),
            "unit",
            "quality",
            self.tags.series().gather(records["tags"]).alias("tags"),
            "message_id",
            self.topics.series().gather(records["topic"]).alias("topic"),
            pl.lit(self.segment).alias("segment"),
            "position",
            "is_device_time",
            "is_suspect",
            "slot_start",
        )
        table = records[readings["record"]].with_columns(
            self.metrics.series().gather(readings["metric"]).alias("metric"), readings["value"], readings["text"]
        )
        if not readings["is_described"].all():
            described = pl.when(readings["is_described"]).then(pl.col("unit", "quality"))
            table = table.with_columns(described.otherwise(pl.lit(None, pl.String)).name.keep())
        if readings["own_unit"].null_count() + readings["own_quality"].null_count() < 2 * len(readings):
            table = table.with_columns(
                unit=pl.coalesce(readings["own_unit"], "unit"), quality=pl.coalesce(readings["own_quality"], "quality")
            )
        return table.select(LANDING_COLUMNS)

    def _records(self, batch: SegmentBatch, decoded: Decoded, devices: pl.Series) -> pl.DataFrame:
        """Fields that the readings of a record share, one row per record."""
        records = decoded.records
        message = pl.Series(records.message, dtype=pl.UInt32)
        received_at = pl.Series(batch.messages.received_at, dtype=pl.Int64)
        topic = pl.Series(self.topics.of(batch.messages.topics), dtype=pl.UInt32)
        tags = pl.Series(self.tags.of(decoded.tag_sets), dtype=pl.UInt32)
        return pl.DataFrame(
            {
                "device": devices,
                "event_at": pl.Series(records.event_at, dtype=pl.Int64),
                "received_at": _arrivals(batch, decoded, message, received_at.gather(message)),
                "unit": pl.Series(records.unit, dtype=pl.String),
                "quality": pl.Series(records.quality, dtype=pl.String),
                "tags": tags.gather(pl.Series(records.tags, dtype=pl.UInt32)),
                "message_id": pl.Series(records.message_id, dtype=pl.String),
                "topic": topic.gather(message),
                "position": message.cast(pl.Int64) + batch.position,
                "is_device_time": pl.Series(records.is_device_time, dtype=pl.Boolean),
                "is_suspect": message.is_in(sorted(batch.suspects)),
            }
        )

    def _readings(self, blocks: Sequence[ReadingBlock]) -> pl.DataFrame:
        """Fields of single readings, one row per reading; numbers first, then texts."""
        numbers = [block for block in blocks if block.value is not None]
        texts = [block for block in blocks if block.value is None]
        values = np.concatenate([np.frombuffer(block.value or b"", np.float64) for block in numbers] or [np.empty(0)])
        said: list[str | None] = [text for block in texts for text in block.text or ()]
        meant: list[str | None] = []
        if any(block.text is not None for block in numbers):
            for block in numbers:
                meant.extend([None] * len(block.record) if block.text is None else block.text)
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
                        pl.Series(meant, dtype=pl.String).extend_constant(None, len(values) - len(meant)),
                        pl.Series(said, dtype=pl.String),
                    ]
                ),
                "kind": pl.Series(np.concatenate([_kinds(block) for block in blocks])),
                "own_unit": _own([(block.unit, len(block.record)) for block in blocks]),
                "own_quality": _own([(block.quality, len(block.record)) for block in blocks]),
            }
        )

    def _kinds_seen(
        self, batch: SegmentBatch, decoded: Decoded, devices: pl.Series, frame: pl.DataFrame
    ) -> pl.DataFrame:
        seen = frame.select("record", "metric", "kind").with_columns(device=devices.gather(frame["record"]))
        first = seen.group_by("device", "metric", "kind").agg(pl.col("record").min())
        message = pl.Series(decoded.records.message, dtype=pl.UInt32).gather(first["record"])
        received_at = pl.Series(batch.messages.received_at, dtype=pl.Int64).gather(message)
        return first.select(
            "device", "metric", "kind",
            (message.cast(pl.Int64) + batch.position).alias("position"),
            received_at.alias("received_at"),
        )  # fmt: skip

    def _metric(self, block: ReadingBlock) -> "np.ndarray[tuple[int], np.dtype[np.uint32]]":
        if isinstance(block.metric, str):
            return np.full(len(block.record), self.metrics.of([block.metric])[0], np.uint32)
        return np.array(self.metrics.of(block.metric), np.uint32)


def _arrivals(batch: SegmentBatch, decoded: Decoded, message: pl.Series, received_at: pl.Series) -> pl.Series:
    """Arrival of each record. A retained message with a time was at the broker by then, and its device may be dead."""
    if not batch.messages.retained:
        return received_at
    is_kept = message.is_in(sorted(batch.messages.retained)) & pl.Series(decoded.records.is_device_time)
    event_at = pl.Series(decoded.records.event_at, dtype=pl.Int64)
    return received_at.zip_with(~is_kept | (received_at < event_at), event_at)


def _own(texts: Sequence[tuple[str | None, int]]) -> pl.Series:
    """Each text repeated by its count; nearly always all are null."""
    if not any(text for text, _ in texts):
        return pl.repeat(None, sum(count for _, count in texts), dtype=pl.String, eager=True)
    return pl.concat([pl.repeat(text, count, dtype=pl.String, eager=True) for text, count in texts])


def _kinds(block: ReadingBlock) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    if isinstance(block.kinds, int):
        return np.full(len(block.record), block.kinds, np.uint8)
    return np.array(block.kinds, np.uint8)


LANDING_COLUMNS = (*(field.name for field in fields(Reading)), "slot_start")

_NO_RECORDS = pl.DataFrame(
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
    }
)
_NO_READINGS = pl.DataFrame(
    schema={
        "record": pl.UInt32,
        "metric": pl.UInt32,
        "is_described": pl.Boolean,
        "value": pl.Float64,
        "text": pl.String,
        "own_unit": pl.String,
        "own_quality": pl.String,
    }
)
