"""Decodes messages of the quarantine again, by the contracts in force and with their own receive times."""

import sqlite3
from dataclasses import dataclass

import polars as pl

from sensor_platform.home import Home
from sensor_platform.landing.files.landing_table import LANDING_COLUMNS, LandingTable
from sensor_platform.landing.ledger.visible_files import landing_files
from sensor_platform.landing.record_batches import SegmentBatch
from sensor_platform.landing.rejects import RejectRows
from sensor_platform.reading.batch import MessageBatch
from sensor_platform.reading.decode import Decoder

_SAME = ("segment", "position", "device_id", "metric", "event_at", "value", "text")
"""Columns that identify a reading which has landed already."""


@dataclass(frozen=True, slots=True)
class Redecoded:
    """Result of decoding messages again."""

    readings: pl.DataFrame
    """Landing columns and `slot_start`, sorted; only readings that had not landed before."""
    refused: pl.DataFrame
    """Rows of the quarantine that remain, with their present reasons."""
    landed: pl.DataFrame
    """Messages that were quarantined whole and land now: position and new device_id."""

    @property
    def landed_messages(self) -> int:
        """Number of messages that were quarantined whole and land now."""
        return len(self.landed)


def redecode(home: Home, ledger: sqlite3.Connection, rows: pl.DataFrame, decoder: Decoder, slot: int) -> Redecoded:
    """Decode the messages of some rows, which are of one segment.

    Args:
        home: the data folder.
        ledger: shows which readings of a message have landed before.
        rows: rows of one quarantine file.
        decoder: of the contracts in force.
        slot: microseconds.
    """
    messages = rows.unique("position", keep="first").sort("position")
    segment = str(messages["segment"][0])
    batch = _batch(messages)
    decoded = decoder.decode(batch.messages)
    found = LandingTable(segment)
    devices = found.device_numbers(decoded)
    found.add(batch, decoded, devices)
    rejects = RejectRows()
    rejects.add(segment, batch, decoded)
    positions = messages["position"]
    readings = _placed(found.table(slot), positions)
    owners = dict(rows.filter(pl.col("scope") == "message").select("position", "device_id").iter_rows())
    whole = sorted(owners)
    fresh = readings.filter(pl.col("position").is_in(whole))
    rest = readings.filter(~pl.col("position").is_in(whole))
    if len(rest):
        fresh = pl.concat([fresh, _not_landed(home, ledger, rest)])
    fresh = fresh.sort("slot_start", "device_id", "metric", "event_at", "position", maintain_order=True)
    landed = fresh.filter(pl.col("position").is_in(whole)).unique("position", keep="first", maintain_order=True)
    refused = _placed(rejects.table(), positions)
    is_whole = pl.col("scope") == "message"
    # a message that stays quarantined keeps the device that it is counted for
    owner = pl.col("position").replace_strict(owners, default=None, return_dtype=pl.String)
    refused = refused.with_columns(pl.when(is_whole).then(owner).otherwise("device_id").alias("device_id"))
    return Redecoded(fresh.select(LANDING_COLUMNS), refused, landed.select("position", "device_id"))


def _batch(messages: pl.DataFrame) -> SegmentBatch:
    heads = [0x30 | qos << 1 | retain for qos, retain in messages.select("qos", "retain").iter_rows()]
    content = MessageBatch(
        messages["topic"].to_list(),
        messages["payload"].to_list(),
        messages["received_at"].cast(pl.Datetime("us")).cast(pl.Int64).to_list(),
        retained=set(messages["retain"].arg_true().to_list()),
    )
    return SegmentBatch(0, content, heads, set(), set())


def _placed(table: pl.DataFrame, positions: pl.Series) -> pl.DataFrame:
    """The table with the messages' own positions instead of their ordinals in this batch."""
    return table.with_columns(positions.gather(table["position"]).alias("position"))


def _not_landed(home: Home, ledger: sqlite3.Connection, readings: pl.DataFrame) -> pl.DataFrame:
    """Readings that no landing file has. Only files of their slots are read."""
    paths = [file.path for file in landing_files(ledger, home, readings["slot_start"].unique().to_list())]
    if not paths:
        return readings
    segment, positions = readings["segment"][0], readings["position"].unique()
    known = (
        pl.scan_parquet(paths, hive_partitioning=False)
        .filter(pl.col("segment") == segment, pl.col("position").is_in(positions.implode()))
        .select(_SAME)
        .collect()
    )
    return readings.join(known, on=_SAME, how="anti", nulls_equal=True)
