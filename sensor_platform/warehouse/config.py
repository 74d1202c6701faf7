"""Settings of the warehouse: memory, threads, lock time-out, finality and published files."""

from datetime import date
from pathlib import Path
from typing import Literal, Protocol

import msgspec


class WarehouseConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `warehouse` of site.yaml."""

    threads: int = 0
    """DuckDB threads; 0 means one per core."""
    memory_limit: str = "3GB"
    lock_wait_seconds: float = 600.0
    """Maximum time that a writer waits for the writer lock; the error names the holder."""
    chunk_readings: int = 5_000_000
    """A build of a long range releases the writer lock after about this many readings, so that runs of the current day
    are not delayed. It also bounds memory."""
    allowed_lateness_hours: float = 24.0
    """A window is final this long after its end; a change after that raises its revision."""
    fill_minutes: float = 10.0
    """Longest gap, in minutes, that the filled views of readings_1m close."""
    fill_hours: float = 6.0
    """Longest gap, in hours, that the filled views of readings_1h close."""
    large_piece: Literal["slot", "hour", "day"] = "hour"
    """Span of a published file of readings_clean, readings_10s and readings_1m."""


class WarehouseSite(Protocol):
    """The part of `site.Site` that the warehouse uses; the module `site` imports rooms that this one must not."""

    @property
    def start(self) -> date:
        """First UTC day of the partitions."""

    @property
    def slot_minutes(self) -> int:
        """The unit of change in event time; divides an hour."""

    @property
    def warehouse(self) -> WarehouseConfig:
        """Section `warehouse` of site.yaml."""

    @property
    def catalog(self) -> Path | None:
        """Folder of devices.csv, metrics.csv and calibration.csv, or None."""
