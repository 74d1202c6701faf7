"""Retained messages whose readings have landed before: the broker sends them again whenever we subscribe.

MQTT 3.1.1 has no way to subscribe without them, and most of them came when they were published. Such a message is a
duplicate: its readings would be counted twice in the tables, and its old slots would be built again for nothing.
"""

import logging
from dataclasses import dataclass, field

import polars as pl

from sensor_platform.home import Home
from sensor_platform.landing.files.landing_table import LandingTable
from sensor_platform.landing.ledger.schema import read_ledger
from sensor_platform.landing.ledger.visible_files import landing_files
from sensor_platform.landing.record_batches import SegmentBatch
from sensor_platform.reading.batch import RETAINED_TAG, Decoded
from sensor_platform.wal import parse_name

log = logging.getLogger(__name__)
_SAME = ("device_id", "metric", "event_at", "value", "text")


@dataclass(slots=True)
class RetainedRepeats:
    """Finds them in one segment, batch by batch."""

    home: Home
    segment: str
    slot: int
    """Microseconds."""
    seen: list[pl.DataFrame] = field(default_factory=list)
    """Readings of retained messages in earlier batches of the segment."""

    def mark(self, batch: SegmentBatch, decoded: Decoded) -> None:
        """Add them to the duplicates of the batch.

        A message is one if all of its readings landed before, at the device's own time. What has only the time of its
        arrival cannot be recognised.
        """
        wanted = sorted(batch.messages.retained - batch.duplicates)
        if not wanted or not decoded.blocks:
            return
        here = self._readings(batch, decoded)
        positions = pl.Series([batch.position + index for index in wanted], dtype=pl.Int64)
        readings = here.filter(pl.col("position").is_in(positions.implode()))
        timed = readings.filter(pl.col("is_device_time").all().over("position"))
        if timed.is_empty():
            return
        first = pl.concat([here.select(*_SAME, "position"), *self.seen]).group_by(_SAME).agg(first=pl.min("position"))
        found = timed.join(first, on=_SAME, nulls_equal=True)
        found = found.join(self._landed(timed), on=_SAME, how="left", nulls_equal=True)
        is_known = (pl.col("first") < pl.col("position")) | pl.col("has_landed").fill_null(value=False)
        whole = found.group_by("position").agg(is_known=is_known.all()).filter("is_known")["position"]
        batch.duplicates.update(position - batch.position for position in whole.to_list())
        self.seen.append(timed.select(*_SAME, "position"))

    def _readings(self, batch: SegmentBatch, decoded: Decoded) -> pl.DataFrame:
        table = LandingTable(self.segment)
        table.add(batch, decoded, table.device_numbers(decoded))
        return table.table(self.slot)

    def _landed(self, readings: pl.DataFrame) -> pl.DataFrame:
        """Those of the readings that landed with an earlier segment, each once.

        Only an order of segments that never changes may decide: two copies must never be repeats of each other.
        """
        nothing = readings.select(_SAME).clear().with_columns(has_landed=pl.lit(value=True))
        with read_ledger(self.home) as ledger:
            if ledger is None:
                return nothing
            paths = [each.path for each in landing_files(ledger, self.home, readings["slot_start"].unique().to_list())]
        name = parse_name(self.segment)
        if not paths or name is None:
            return nothing
        is_ours = pl.col("segment").str.starts_with(f"{name.collector}-")
        is_live = ~pl.col("tags").map.contains_key(RETAINED_TAG)
        is_earlier = pl.when(is_ours).then(pl.col("segment") < self.segment).otherwise(is_live)
        devices = readings["device_id"].unique()
        try:
            return (
                pl.scan_parquet(paths, hive_partitioning=False, missing_columns="insert", extra_columns="ignore")
                .filter(pl.col("device_id").is_in(devices.implode()), is_earlier)
                .select(_SAME)
                .unique()
                .with_columns(has_landed=pl.lit(value=True))
                .collect()
            )
        except (OSError, pl.exceptions.PolarsError) as error:
            log.warning("retained messages of %s are landed without a look for repeats: %s", self.segment, error)
            return nothing
