"""Counts of messages and readings that are in the quarantine, by hour of arrival and device."""

from collections.abc import Iterator

import polars as pl

from sensor_platform.kernel.clock import HOUR
from sensor_platform.landing.files.landing_table import UNKNOWN_DEVICE
from sensor_platform.landing.ledger.manifest import DeviceCounts

_HOUR = (pl.col("received_at").cast(pl.Datetime("us")).cast(pl.Int64) // HOUR * HOUR).alias("hour")
_DEVICE = pl.col("device_id").fill_null(UNKNOWN_DEVICE).alias("device")


def counted_rejects(rows: pl.DataFrame) -> list[DeviceCounts]:
    """Readings that were rejected out of landed messages."""
    return [counted(hour, device, rejected_readings=count) for hour, device, count in _groups(rows, "reading")]


def counted_whole(rows: pl.DataFrame) -> list[DeviceCounts]:
    """Messages that were quarantined whole."""
    return [
        counted(hour, device, received=count, quarantined=count) for hour, device, count in _groups(rows, "message")
    ]


def counted(
    hour: int, device_id: str, *, received: int = 0, landed: int = 0, quarantined: int = 0, rejected_readings: int = 0
) -> DeviceCounts:
    """Counts of one hour and device; what is not given is 0."""
    return DeviceCounts(
        hour=hour,
        device_id=device_id,
        received=received,
        landed=landed,
        quarantined=quarantined,
        duplicate=0,
        rejected_readings=rejected_readings,
    )


def _groups(rows: pl.DataFrame, scope: str) -> Iterator[tuple[int, str, int]]:
    some = rows.filter(pl.col("scope") == scope).select(_HOUR, _DEVICE)
    yield from some.group_by("hour", "device").len().sort("hour", "device").iter_rows()
