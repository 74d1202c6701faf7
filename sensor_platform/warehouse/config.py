"""What the warehouse is told: memory, threads, lock patience, and the pieces that are published."""

from typing import Literal

import msgspec


class WarehouseConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `warehouse` of site.yaml."""

    threads: int = 0
    """DuckDB threads; 0 means one per core."""
    memory_limit: str = "4GB"
    lock_wait_seconds: float = 600.0
    """How long a writer waits for the writer lock before it gives up and names the holder."""
    chunk_readings: int = 20_000_000
    """A long range gives up the writer lock after about this many readings, so that today is not starved."""
    large_piece: Literal["slot", "hour", "day"] = "hour"
    """Size of the published pieces of readings_clean, readings_10s and readings_1m."""
