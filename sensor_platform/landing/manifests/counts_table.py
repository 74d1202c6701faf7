"""Counts of devices as a table, one row for each segment, hour of arrival and device."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from sensor_platform.kernel.durable import replacing
from sensor_platform.landing.ledger.manifest import COUNTS, DeviceCounts, Manifest
from sensor_platform.landing.sequences import Range, union

SCHEMA: dict[str, pl.DataType] = {
    "segment": pl.String(),
    "hour": pl.Int64(),
    "device_id": pl.String(),
    **dict.fromkeys(COUNTS, pl.Int64()),
    "first_sequence": pl.Int64(),
    "last_sequence": pl.Int64(),
    "sequences": pl.List(pl.Int64()),
}
"""Hours are microseconds since the epoch, UTC; `sequences` has first and last number of each range in turn."""


def counts_table(manifests: Iterable[Manifest]) -> pl.DataFrame:
    """The counts of some commits, in their order."""
    return pl.concat([pl.DataFrame(schema=SCHEMA), *(_table(manifest) for manifest in manifests if manifest.counts)])


def _table(manifest: Manifest) -> pl.DataFrame:
    rows = manifest.counts
    columns: dict[str, list[object]] = {
        name: [getattr(row, name) for row in rows] for name in SCHEMA if name not in {"segment", "sequences"}
    }
    columns["sequences"] = [[number for each in row.sequences for number in each] for row in rows]
    return pl.DataFrame({"segment": [manifest.segment] * len(rows), **columns}, schema=SCHEMA)


def device_counts(table: pl.DataFrame) -> tuple[DeviceCounts, ...]:
    """The rows of a table as counts."""
    return tuple(
        DeviceCounts(**{**row, "sequences": tuple(ranges(row["sequences"]))})
        for row in table.drop("segment").iter_rows(named=True)
    )


def ranges(flat: list[int]) -> Iterator[Range]:
    """Ranges from first and last numbers in turn."""
    return zip(flat[::2], flat[1::2], strict=True)


def summed(table: pl.DataFrame) -> pl.DataFrame:
    """One row for each hour and device, with an empty segment: the sum of all segments."""
    keys = ("hour", "device_id")
    sums = (
        table.group_by(keys)
        .agg(pl.col(COUNTS).sum(), pl.col("first_sequence").min(), pl.col("last_sequence").max())
        .sort(keys)
    )
    numbered = table.filter(pl.col("sequences").list.len() > 0).group_by(keys).agg("sequences")
    joined = [
        [number for each in union(*(ranges(flat) for flat in several)) for number in each]
        for several in numbered["sequences"]
    ]
    found = numbered.with_columns(pl.Series("sequences", joined, dtype=SCHEMA["sequences"]))
    return (
        sums.join(found, on=keys, how="left", maintain_order="left")
        .with_columns(pl.lit("").alias("segment"), pl.col("sequences").fill_null([]))
        .select(*SCHEMA)
    )


def read_counts(path: Path, segment: str | None = None) -> pl.DataFrame:
    """The table in a file, or the rows of one segment of it."""
    table = pl.scan_parquet(path, hive_partitioning=False)
    return (table if segment is None else table.filter(pl.col("segment") == segment)).select(*SCHEMA).collect()


def write_counts(path: Path, table: pl.DataFrame) -> None:
    """Durably write a table as Parquet."""
    with replacing(path) as temporary:
        table.write_parquet(temporary, compression="zstd")
