"""The labels as a published table: a copy of what people said, made again when that changes."""

import os
from datetime import UTC, datetime

from sensor_platform.durable import replacing
from sensor_platform.home import Home
from sensor_platform.landing.labels import read_labels
from sensor_platform.warehouse.published.views import WHOLE_FILE

TABLE = "labels"
COLUMNS = (
    ("label_id", "VARCHAR"),
    ("device_id", "VARCHAR"),
    ("metric", "VARCHAR"),
    ("start_at", "TIMESTAMP"),
    ("end_at", "TIMESTAMP"),
    ("label", "VARCHAR"),
    ("source", "VARCHAR"),
    ("note", "VARCHAR"),
    ("created_at", "TIMESTAMP"),
)
"""With their DuckDB types; times are plain UTC."""


def publish_table(home: Home) -> bool:
    """Write the table if a label has come or changed since; whether it was written.

    Its file carries the time of the change that it shows, so that a label that comes meanwhile is seen next time.
    """
    path = home.published / TABLE / WHOLE_FILE
    changed = _changed_at(home)
    if changed is None or (path.exists() and path.stat().st_mtime_ns == changed):
        return False
    import polars as pl

    schema = {name: pl.Datetime("us") if kind == "TIMESTAMP" else pl.String() for name, kind in COLUMNS}
    rows = {name: [getattr(label, name) for label in read_labels(home)] for name, _ in COLUMNS}
    for name, kind in COLUMNS:
        if kind == "TIMESTAMP":
            rows[name] = [_plain(at) for at in rows[name]]
    with replacing(path) as temporary:
        pl.DataFrame(rows, schema=schema).write_parquet(temporary)
        os.utime(temporary, ns=(changed, changed))
    return True


def _changed_at(home: Home) -> int | None:
    """Newest change of the store, nanoseconds; None where there is no store."""
    files = (home.labels_file, home.labels_file.with_name(f"{home.labels_file.name}-wal"))
    times = [file.stat().st_mtime_ns for file in files if file.exists()]
    return max(times, default=None)


def _plain(micros: int) -> datetime:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(tzinfo=None, microsecond=micros % 1_000_000)
