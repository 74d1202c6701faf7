"""Readings whose messages were blanked in the archive: they stay as they are when their segment is landed again."""

import sqlite3
from collections.abc import Collection

import polars as pl

from sensor_platform.home import Home
from sensor_platform.landing.ledger.manifest import Manifest
from sensor_platform.landing.ledger.visible_files import landing_files


def carried_readings(
    home: Home, ledger: sqlite3.Connection, manifest: Manifest, positions: Collection[int], slot: int
) -> pl.DataFrame | None:
    """Visible readings of some messages of a segment, with `slot_start`; None if there is none.

    Args:
        home: the data folder.
        ledger: open.
        manifest: of the segment.
        positions: of its blanked messages.
        slot: microseconds.
    """
    slots = {start for entry in manifest.files for start in entry.slots}
    paths = [file.path for file in landing_files(ledger, home, slots)] if positions else []
    if not paths:
        return None
    wanted = pl.Series(sorted(positions), dtype=pl.Int64).implode()
    found = (
        pl.scan_parquet(paths, hive_partitioning=False, missing_columns="insert", extra_columns="ignore")
        .filter(pl.col("segment") == manifest.segment, pl.col("position").is_in(wanted))
        .collect()
    )
    if found.is_empty():
        return None
    return found.with_columns(slot_start=pl.col("event_at").cast(pl.Int64) // slot * slot)
