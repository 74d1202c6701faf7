"""Rows of the quarantine: rejected messages and readings with rule, reason and hint."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import polars as pl

from sensor_platform.kernel.clock import from_micros
from sensor_platform.landing.record_batches import SegmentBatch
from sensor_platform.reading.batch import Decoded
from sensor_platform.reading.model import Rejected

QUARANTINE_SCHEMA: dict[str, pl.DataType] = {
    "received_at": pl.Datetime("us"),
    "topic": pl.String(),
    "payload": pl.Binary(),
    "rule": pl.String(),
    "reason": pl.String(),
    "hint": pl.String(),
    "device_id": pl.String(),
    "metric": pl.String(),
    "segment": pl.String(),
    "position": pl.Int64(),
    "qos": pl.UInt8(),
    "retain": pl.Boolean(),
    "scope": pl.String(),
    "user_properties": pl.List(pl.Struct({"name": pl.String(), "value": pl.String()})),
    "key": pl.Binary(),
}
"""`user_properties` are those of MQTT 5 or headers of Kafka, null where they were not kept; `key` is that of Kafka."""


def read_rejects(path: Path) -> pl.DataFrame:
    """The rows of a quarantine file, in the columns of today: what an earlier version did not keep is null."""
    rows = pl.read_parquet(path, hive_partitioning=False)
    missing = [pl.lit(None, kind).alias(name) for name, kind in QUARANTINE_SCHEMA.items() if name not in rows.columns]
    return rows.with_columns(missing).select(*QUARANTINE_SCHEMA)


def scan_rejects(paths: Sequence[Path]) -> pl.LazyFrame:
    """The rows of several quarantine files, as `read_rejects`."""
    return pl.scan_parquet(
        list(paths), schema=pl.Schema(QUARANTINE_SCHEMA), missing_columns="insert", hive_partitioning=False
    )


@dataclass(slots=True)
class RejectRows:
    """Columns of a quarantine file."""

    received_at: list[datetime] = field(default_factory=list)
    topic: list[str] = field(default_factory=list)
    payload: list[bytes] = field(default_factory=list)
    rule: list[str] = field(default_factory=list)
    reason: list[str] = field(default_factory=list)
    hint: list[str] = field(default_factory=list)
    device_id: list[str | None] = field(default_factory=list)
    metric: list[str | None] = field(default_factory=list)
    segment: list[str] = field(default_factory=list)
    position: list[int] = field(default_factory=list)
    qos: list[int] = field(default_factory=list)
    retain: list[bool] = field(default_factory=list)
    scope: list[str] = field(default_factory=list)
    user_properties: list[list[dict[str, str]]] = field(default_factory=list)
    key: list[bytes | None] = field(default_factory=list)

    def add(self, segment: str, batch: SegmentBatch, decoded: Decoded) -> list[int]:
        """Add the rejects of a batch; returns the message index of each reading rejected out of a landed message.

        A message without a good reading is a row of scope `message`. A reading rejected out of a landed message is a
        row of scope `reading`. Duplicates have no rows.
        """
        refused: dict[int, list[Rejected]] = {}
        for index, why in decoded.rejected:
            if index not in batch.duplicates:
                refused.setdefault(index, []).append(why)
        readings: list[int] = []
        for index, reasons in sorted(refused.items()):
            if not decoded.has_reading[index]:
                self._row(segment, batch, index, _sum_up(reasons), "message")
                continue
            for why in reasons:
                self._row(segment, batch, index, why, "reading")
                readings.append(index)
        return readings

    def table(self) -> pl.DataFrame:
        """The rows, as columns of a quarantine file."""
        return pl.DataFrame({name: getattr(self, name) for name in QUARANTINE_SCHEMA}, schema=QUARANTINE_SCHEMA)

    def __len__(self) -> int:
        return len(self.rule)

    def _row(
        self, segment: str, batch: SegmentBatch, index: int, why: Rejected, scope: Literal["message", "reading"]
    ) -> None:
        head = batch.heads[index]
        self.received_at.append(from_micros(batch.messages.received_at[index]))
        self.topic.append(batch.messages.topics[index])
        self.payload.append(batch.messages.payloads[index])
        self.rule.append(why.rule)
        self.reason.append(why.reason)
        self.hint.append(why.hint)
        self.device_id.append(why.device_id)
        self.metric.append(why.metric)
        self.segment.append(segment)
        self.position.append(batch.position + index)
        self.qos.append(head >> 1 & 3)
        self.retain.append(bool(head & 1))
        self.scope.append(scope)
        pairs = batch.messages.user_properties.get(index, ())
        self.user_properties.append([{"name": name, "value": value} for name, value in pairs])
        self.key.append(batch.messages.keys.get(index))


def _sum_up(reasons: list[Rejected]) -> Rejected:
    first = reasons[0]
    if len(reasons) == 1:
        return first
    device = next((why.device_id for why in reasons if why.device_id is not None), None)  # whose message it is counted
    return replace(
        first, device_id=device, reason=f"nothing good in it; first of {len(reasons)} refusals: {first.reason}"
    )
