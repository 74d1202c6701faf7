"""Landing files and ledger commits as the lander makes them, without a collector."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from sensor_platform.home import Home
from sensor_platform.kernel.durable import sha256
from sensor_platform.landing.ledger import FileEntry, Manifest, commit_segment, open_ledger
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.lineage import dbt_models

SLOT = 600_000_000
TABLES = dbt_models()

SCHEMA: dict[str, Any] = {
    "device_id": pl.String,
    "metric": pl.String,
    "event_at": pl.Datetime("us"),
    "received_at": pl.Datetime("us"),
    "value": pl.Float64,
    "text": pl.String,
    "unit": pl.String,
    "quality": pl.String,
    "tags": pl.List(pl.Struct({"key": pl.String, "value": pl.String})),
    "message_id": pl.String,
    "topic": pl.String,
    "segment": pl.String,
    "position": pl.Int64,
    "is_device_time": pl.Boolean,
    "is_suspect": pl.Boolean,
}


@dataclass(frozen=True)
class SiteStub:
    """The part of a site that the warehouse needs."""

    start: date = date(2010, 1, 1)
    slot_minutes: int = 10
    warehouse: WarehouseConfig = field(default_factory=lambda: WarehouseConfig(memory_limit="2GB", lock_wait_seconds=5))
    catalog: Path | None = None


def reading(device: str, metric: str, at: datetime, value: float | None, **fields: Any) -> dict[str, Any]:
    """One landing row; what is not given is as an honest device sends it."""
    row = {
        "device_id": device,
        "metric": metric,
        "event_at": at,
        "received_at": at,
        "value": value,
        "text": None,
        "unit": None,
        "quality": None,
        "tags": [],
        "message_id": None,
        "topic": "sensors/x",
        "segment": "",
        "position": 0,
        "is_device_time": True,
        "is_suspect": False,
    }
    return row | fields


@dataclass
class Landing:
    """Writes segments into a home as the lander does: file, then ledger commit."""

    home: Home
    slot: int = SLOT
    count: int = 0
    landed: list[dict[str, Any]] = field(default_factory=list)
    """Rows of the newest segment, as they lie in its file."""

    def land(self, rows: Sequence[dict[str, Any]] | pl.DataFrame) -> int:
        """One segment with these rows; returns its position."""
        self.count += 1
        return self.land_as(f"test-0-{self.count:06d}", rows)

    def land_as(self, segment: str, rows: Sequence[dict[str, Any]] | pl.DataFrame) -> int:
        """The same under a name of the caller's."""
        frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(list(rows), schema=SCHEMA)
        frame = frame.with_columns(segment=pl.lit(segment), position=pl.int_range(pl.len(), dtype=pl.Int64)).sort(
            "event_at", "device_id", "metric", maintain_order=True
        )
        self.landed = frame.to_dicts()
        path = self.home.landing / "2026-01-01" / f"{segment}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_landing(frame, path)
        starts = frame["event_at"].dt.epoch("us") // self.slot * self.slot
        slots = dict(starts.value_counts().iter_rows())
        entry = FileEntry(
            file=str(path.relative_to(self.home.root)),
            kind="landing",
            rows=len(frame),
            bytes=path.stat().st_size,
            sha256=sha256(path),
            slots=slots,
        )
        with open_ledger(self.home) as ledger:
            return commit_segment(ledger, _manifest(segment, entry))


def write_landing(frame: pl.DataFrame, path: Path) -> None:
    """A landing file as the lander writes it: `tags` is a MAP."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = frame.to_arrow()
    tags = pa.array(
        [[(tag["key"], tag["value"]) for tag in row or ()] for row in frame["tags"].to_list()],
        type=pa.map_(pa.string(), pa.string()),
    )
    table = table.set_column(table.schema.get_field_index("tags"), "tags", tags)
    pq.write_table(table, path, compression="zstd")


def fingerprints(home: Home, tables: Sequence[str] = TABLES) -> dict[str, tuple[int, int]]:
    """Rows of each table and a hash over them: equal only if every value is, to the last bit; order does not count.

    The revision is left out: it says what happened to a row, not what is in it.
    """
    with duckdb.connect(str(home.warehouse_file), read_only=True) as warehouse:
        found = {}
        for table in tables:
            content = f"(select columns(lambda c: c <> 'revision') from {table})"
            row = warehouse.execute(f"select count(*), coalesce(sum(hash(t)::hugeint), 0) from {content} t").fetchone()
            assert row is not None
            found[table] = (int(row[0]), int(row[1]))
        return found


def _manifest(segment: str, entry: FileEntry) -> Manifest:
    return Manifest(
        segment=segment,
        written_at=0,
        contract_version="test",
        messages=entry.rows,
        landed=entry.rows,
        quarantined=0,
        duplicate=0,
        readings=entry.rows,
        rejected_readings=0,
        newest_event_at=max(entry.slots, default=None),
        files=(entry,),
        counts=(),
        arrivals={},
    )
