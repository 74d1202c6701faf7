"""Writes landing and quarantine files: zstd, microseconds without zone, row groups cut at slots."""

from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sensor_platform.home import Home
from sensor_platform.kernel.durable import replacing, sha256
from sensor_platform.landing.ledger.manifest import FileEntry, FileKind

FORMAT = 2
"""Version of landing files, in their metadata (`format`); files of version 1 have none."""
_GROUP_ROWS = 65_536
"""Minimum rows of a row group, which ends at the next slot border."""
_GROUP_MOST = 524_288
"""Maximum rows of a row group, also within a slot."""

_DELTA = "DELTA_BINARY_PACKED"
LANDING_ENCODINGS: dict[str, Any] = {
    # Times and positions hardly repeat, so a dictionary of them costs time and space; their differences do repeat.
    # Measured on 90-byte messages: half the time and a fifth of the size of the defaults.
    "use_dictionary": [
        "device_id",
        "metric",
        "value",
        "text",
        "unit",
        "quality",
        "message_id",
        "topic",
        "segment",
        "tags.key_value.key",
        "tags.key_value.value",
    ],
    "column_encoding": {"event_at": _DELTA, "received_at": _DELTA, "position": _DELTA},
}


def write_landing(home: Home, path: Path, readings: pl.DataFrame) -> FileEntry:
    """Write a landing file.

    Args:
        home: what the entry's path is relative to.
        path: where to.
        readings: at least one, with `slot_start` (microseconds), sorted by it; that column is not written.
    """
    sizes = readings.group_by("slot_start", maintain_order=True).len()
    slots = dict(sizes.iter_rows())
    table = readings.drop("slot_start").to_arrow()
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"format": str(FORMAT).encode()})
    _write(path, table, group_sizes(list(slots.values())), LANDING_ENCODINGS)
    times = readings["event_at"].cast(pl.Int64)
    first, last = times.min(), times.max()
    assert isinstance(first, int)
    assert isinstance(last, int)
    return _entry(home, path, "landing", len(readings), first, last, slots)


def write_quarantine(home: Home, path: Path, refusals: pl.DataFrame) -> FileEntry:
    """Write a quarantine file."""
    _write(path, refusals.to_arrow(), [len(refusals)], {})
    entry = _entry(home, path, "quarantine", len(refusals))
    return msgspec.structs.replace(entry, messages=int((refusals["scope"] == "message").sum()))


def group_sizes(slots: list[int]) -> list[int]:
    """Rows of each row group, given the rows of each slot in order: cut at slots, neither tiny nor huge."""
    sizes: list[int] = []
    pending = 0
    for rows in slots:
        pending += rows
        while pending > _GROUP_MOST:
            sizes.append(_GROUP_MOST)
            pending -= _GROUP_MOST
        if pending >= _GROUP_ROWS:
            sizes.append(pending)
            pending = 0
    return [*sizes, pending] if pending else sizes


def file_entry(home: Home, path: Path, kind: FileKind, rows: int) -> FileEntry:
    """Entry of a file without readings."""
    return _entry(home, path, kind, rows)


def _entry(
    home: Home,
    path: Path,
    kind: FileKind,
    rows: int,
    first: int | None = None,
    last: int | None = None,
    slots: dict[int, int] | None = None,
) -> FileEntry:
    return FileEntry(
        file=str(path.relative_to(home.root)),
        kind=kind,
        rows=rows,
        bytes=path.stat().st_size,
        sha256=sha256(path),
        first_event_at=first,
        last_event_at=last,
        slots=slots or {},
    )


def _write(path: Path, table: pa.Table, groups: list[int], options: dict[str, Any]) -> None:
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, table.schema, compression="zstd", **options) as writer,
    ):
        start = 0
        for rows in groups:
            writer.write_table(table.slice(start, rows), row_group_size=rows)
            start += rows
