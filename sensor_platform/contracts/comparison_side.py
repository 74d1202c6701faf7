"""One side of a comparison: the result of decoding traffic under some contracts, summed up batch by batch."""

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from sensor_platform.kernel.clock import HOUR
from sensor_platform.landing.files.landing_table import LandingTable
from sensor_platform.landing.record_batches import SegmentBatch
from sensor_platform.landing.rejects import RejectRows
from sensor_platform.reading.decode import Decoder

_PREVIEW = 200
_KEYS = ("device_id", "metric", "hour")


@dataclass(frozen=True, slots=True)
class Example:
    """One reject, as an example."""

    topic: str
    reason: str
    payload: str


@dataclass(slots=True)
class Side:
    """Sums of all batches decoded so far."""

    decoder: Decoder
    landed: int = 0
    """Number of messages with a reading."""
    readings: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    """Number of rejected messages and single readings by rule."""
    examples: dict[str, Example] = field(default_factory=dict)
    _sums: list[pl.DataFrame] = field(default_factory=list)

    def add(self, batch: SegmentBatch) -> None:
        """Decode a batch and add it to the sums."""
        decoded = self.decoder.decode(batch.messages)
        self.landed += sum(decoded.has_reading)
        found = LandingTable("trial")
        found.add(batch, decoded, found.device_numbers(decoded))
        table = found.table(HOUR)
        self.readings += len(table)
        refused = RejectRows()
        refused.add("trial", batch, decoded)
        self.rules.update(refused.rule)
        for row, rule in enumerate(refused.rule):
            if rule not in self.examples:
                text = refused.payload[row][:_PREVIEW].decode("utf-8", "backslashreplace")
                self.examples[rule] = Example(refused.topic[row], refused.reason[row], text)
        self._sums.append(
            table.group_by("device_id", "metric", pl.col("slot_start").alias("hour")).agg(
                pl.col("value").sum().alias("total"), pl.col("value").count().alias("numbers"), pl.len().alias("rows")
            )
        )
        if len(self._sums) > 50:
            self._sums = [self.hours()]

    def hours(self) -> pl.DataFrame:
        """Columns device_id, metric, hour (microseconds), total, numbers and rows, for each hour of event time."""
        empty = pl.DataFrame(
            schema={
                "device_id": pl.String, "metric": pl.String, "hour": pl.Int64, "total": pl.Float64,
                "numbers": pl.UInt32, "rows": pl.UInt32,
            }
        )  # fmt: skip
        sums = [part.cast({"numbers": pl.UInt32, "rows": pl.UInt32}) for part in self._sums]
        return pl.concat([empty, *sums]).group_by(_KEYS).agg(pl.all().sum()).sort(_KEYS)
