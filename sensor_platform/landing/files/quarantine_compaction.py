"""Compaction of the quarantine: the small files of a closed hour become one file of the same day, with the same rows.

In the same steps as that of landing files (`compaction`). Where rows of one segment leave a compacted file (reland,
requeue, drop), the rows of the other segments are written to a new one.
"""

import hashlib
import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR
from sensor_platform.landing.files.compaction import (
    CompactionInput,
    commit_compaction,
    groups,
    hour_before,
    in_closed_hours,
)
from sensor_platform.landing.files.parquet import write_quarantine
from sensor_platform.landing.ledger.manifest import CompactionManifest
from sensor_platform.landing.rejects import read_rejects
from sensor_platform.wal import parse_name

MOST_BYTES = 128 << 20
"""Bytes in one compacted file at most, uncompressed: it is read as a whole by requeue and `quarantine list`."""
LARGE_BYTES = 8 << 20
"""A file of this size is left as it is."""
MOST_FILES = 20_000
"""Files that one run takes: a home of an earlier version has one for each segment with refusals."""
_HINT = "run `sensor-platform audit --verify`: it sets damaged files aside"


def compact_quarantine(home: Home, ledger: sqlite3.Connection, now: int) -> list[CompactionManifest]:
    """Compact quarantine files of closed hours of arrival, after `compact`; returns the manifests of the new files.

    Args:
        home: the data folder.
        ledger: from `open_ledger`.
        now: microseconds since the epoch, UTC.

    Raises:
        CheckFailed: a file differs from the ledger; it replaced nothing.
    """
    made: list[CompactionManifest] = []
    for group in _groups(home, quarantine_candidates(home, ledger, now)[:MOST_FILES]):
        manifest = _merge(home, group, now)
        commit_compaction(home, ledger, manifest)
        made.append(manifest)
    return made


def quarantine_candidates(home: Home, ledger: sqlite3.Connection, now: int) -> list[CompactionInput]:
    """Small quarantine files of segments of closed hours, by day in the path, hour of arrival and order of commit.

    Files of imports, and of commits by which an earlier version requeued, are left out: they are few.
    """
    rows = ledger.execute(
        "select f.file, f.segment, f.rows, s.committed_at, s.arrived_hour from files f left join segments s"
        " using (segment) where f.kind = 'quarantine' and f.replaced_at is null and f.bytes < ?"
        " order by s.position, f.file",
        (LARGE_BYTES,),
    )
    found = [
        CompactionInput(file, segment, count, hour_before(file, committed_at) if hour is None else hour)
        for file, segment, count, committed_at, hour in rows
        if parse_name(segment)
    ]
    return sorted(in_closed_hours(home, found, _open_hour(ledger), now), key=_day)


def _open_hour(ledger: sqlite3.Connection) -> int | None:
    """Hour of arrival of the newest commit, with refusals or without."""
    row = ledger.execute("select arrived_hour, committed_at from segments order by position desc limit 1").fetchone()
    if row is None:
        return None
    return int(row[1] // HOUR * HOUR if row[0] is None else row[0])


def _groups(home: Home, sources: Sequence[CompactionInput]) -> Iterator[list[CompactionInput]]:
    """Files that become one: a compacted file stays on the day of its sources, by which it is published and expires."""
    for _, some in itertools.groupby(sources, key=_day):
        yield from groups(list(some), MOST_BYTES, lambda source: _uncompressed(home.root / source.file))


def _day(source: CompactionInput) -> str:
    return source.file.split("/")[-2]


def _uncompressed(path: Path) -> int:
    try:
        metadata = pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        raise CheckFailed(f"{path} cannot be read: {error}", _HINT) from error
    return sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))


def _merge(home: Home, group: Sequence[CompactionInput], now: int) -> CompactionManifest:
    name = "compact-" + hashlib.sha256("\n".join(source.file for source in group).encode()).hexdigest()[:32]
    rows = pl.concat([_read(home.root / source.file, source.rows) for source in group])
    entry = write_quarantine(home, home.quarantine / _day(group[0]) / f"{name}.parquet", rows)
    return CompactionManifest(name=name, written_at=now, file=entry, replaces=tuple(source.file for source in group))


def _read(path: Path, count: int) -> pl.DataFrame:
    try:
        rows = read_rejects(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CheckFailed(f"{path} cannot be read: {error}", _HINT) from error
    if len(rows) != count:
        raise CheckFailed(f"{path} has {len(rows)} rows, the ledger has {count}", _HINT)
    return rows
