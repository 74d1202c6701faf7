"""The labels as published tables: the present labels and all earlier versions, rewritten when they change."""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.kernel.clock import from_micros
from sensor_platform.kernel.durable import replacing
from sensor_platform.labels.label_store import LabelVersion, read_history
from sensor_platform.warehouse.published.views import WHOLE_FILE, Columns

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

TABLES: Mapping[str, Columns] = {TABLE: COLUMNS, "label_history": (*COLUMNS, ("superseded_at", "TIMESTAMP"))}
"""The present labels, and all versions with the superseded ones."""


def publish_tables(home: Home) -> bool:
    """Write the tables if a label has come, changed or gone since; whether they were written.

    Their files carry the time of the change that they show, so that a label that comes meanwhile is seen next time.
    """
    paths = {name: home.published / name / WHOLE_FILE for name in TABLES}
    changed = _changed_at(home)
    if changed is None or all(path.exists() and path.stat().st_mtime_ns == changed for path in paths.values()):
        return False
    history = read_history(home)
    _write(paths["label_history"], TABLES["label_history"], history, changed)
    _write(paths[TABLE], COLUMNS, [each for each in history if each.superseded_at is None], changed)
    return True


def _write(path: Path, columns: Columns, versions: Sequence[LabelVersion], changed: int) -> None:
    import polars as pl

    schema = {name: pl.Datetime("us") if kind == "TIMESTAMP" else pl.String() for name, kind in columns}
    rows = [{name: _plain(getattr(_owner(each, name), name)) for name in schema} for each in versions]
    with replacing(path) as temporary:
        pl.DataFrame(rows, schema=schema).write_parquet(temporary)
        os.utime(temporary, ns=(changed, changed))


def _owner(version: LabelVersion, name: str) -> object:
    return version if name == "superseded_at" else version.label


def _changed_at(home: Home) -> int | None:
    """Newest change of the store, nanoseconds; None where there is no store."""
    files = (home.labels_file, home.labels_file.with_name(f"{home.labels_file.name}-wal"))
    times = [file.stat().st_mtime_ns for file in files if file.exists()]
    return max(times, default=None)


def _plain(value: str | int | None) -> str | datetime | None:
    return from_micros(value) if isinstance(value, int) else value
