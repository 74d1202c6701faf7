"""Compaction: the landing files of a closed hour become one larger file with the same rows. No slot becomes dirty.

Same order as landing: file, manifest, ledger commit. Replaced files stay for an hour, for processes that read
them now. The caller holds the warehouse's writer lock. Quarantine files: `quarantine_compaction`.
"""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from pathlib import Path

import polars as pl

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR, start_of_day, utc_from_micros
from sensor_platform.kernel.durable import fsync_folder, write_file
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.files.leftovers import remove_dead
from sensor_platform.landing.files.parquet import write_landing, write_quarantine
from sensor_platform.landing.integrity.reland_intent import finish_intents, intended_files
from sensor_platform.landing.ledger.file_rows import insert_file, replace_files
from sensor_platform.landing.ledger.manifest import (
    CompactionManifest,
    FileEntry,
    compaction_path,
    encode_compaction,
    read_compaction,
)
from sensor_platform.landing.ledger.visible_files import is_known, is_visible

MOST_ROWS = 4_000_000
"""Readings in one compacted file at most (about 1 GB of memory while it is made)."""
ORDER = ("slot_start", "device_id", "metric", "event_at", "received_at", "segment", "position")


@dataclass(frozen=True, slots=True)
class CompactionInput:
    """One file that may be compacted."""

    file: str
    segment: str
    rows: int
    hour: int
    """Hour of its newest arrival (start, microseconds)."""


def compact(home: Home, ledger: sqlite3.Connection, slot: int, now: int) -> list[CompactionManifest]:
    """Compact files of closed hours of arrival; returns the manifests of the new files.

    Args:
        home: the data folder.
        ledger: from `open_ledger`.
        slot: microseconds.
        now: microseconds since the epoch, UTC.

    Raises:
        CheckFailed: a file differs from the ledger; it replaced nothing.
    """
    finish_intents(home, ledger)
    finish_compactions(home, ledger)
    made: list[CompactionManifest] = []
    for group in groups(candidates(home, ledger, now), MOST_ROWS):
        manifest = _merge(home, ledger, group, slot, now)
        commit_compaction(home, ledger, manifest)
        made.append(manifest)
    return made


def commit_compaction(home: Home, ledger: sqlite3.Connection, manifest: CompactionManifest) -> None:
    """Put a compacted file, which is on the disk, in the place of what it replaces."""
    write_file(compaction_path(home, manifest.name), encode_compaction(manifest))
    _commit(ledger, manifest)


def candidates(home: Home, ledger: sqlite3.Connection, now: int) -> list[CompactionInput]:
    """Landing files of closed hours that no compaction has touched, by hour of arrival and in order of commit.

    An hour is closed when it is over by the clock, or when something of another hour was committed later: a clock that
    was wrong once, ours or the collector's, keeps no hour open.
    """
    rows = ledger.execute(
        "select f.file, f.segment, f.rows, s.committed_at, s.arrived_hour from files f join segments s using (segment)"
        " where f.kind = 'landing' and f.replaced_at is null order by s.position"
    )
    found = [
        CompactionInput(file, segment, count, hour_before(file, committed_at) if hour is None else hour)
        for file, segment, count, committed_at, hour in rows
    ]
    return in_closed_hours(home, found, found[-1].hour if found else None, now)


def in_closed_hours(
    home: Home, found: Sequence[CompactionInput], open_hour: int | None, now: int
) -> list[CompactionInput]:
    """Those of closed hours, by hour.

    Args:
        home: the data folder.
        found: in order of commit.
        open_hour: hour of arrival of the newest commit.
        now: microseconds since the epoch, UTC.
    """
    closed = [each for each in found if each.hour < now // HOUR * HOUR or each.hour != open_hour]
    # a WAL that is still there may have to be checked against its own landing file
    return sorted(
        (each for each in closed if not (home.wal / f"{each.segment}.wal").exists()), key=lambda each: each.hour
    )


def hour_before(file: str, committed_at: int | None) -> int:
    """Hour of a segment of an earlier version: of its commit, if that is near the day of arrival in its path.

    Of a segment that was summed up with its day: the first hour of that day in the path.
    """
    day = start_of_day(date.fromisoformat(file.split("/")[-2]))
    is_near = committed_at is not None and abs(committed_at - day) < 2 * DAY
    return committed_at // HOUR * HOUR if committed_at is not None and is_near else day


def groups(
    sources: Sequence[CompactionInput], most: int, size: Callable[[CompactionInput], int] = attrgetter("rows")
) -> Iterator[list[CompactionInput]]:
    """Sources that become one file: of one hour, not larger than `most` together; a single file is left alone."""
    group: list[CompactionInput] = []
    total = 0
    for source in sources:
        more = size(source)
        if group and (total + more > most or group[0].hour != source.hour):
            if len(group) > 1:
                yield group
            group, total = [], 0
        group.append(source)
        total += more
    if len(group) > 1:
        yield group


def finish_compactions(home: Home, ledger: sqlite3.Connection) -> None:
    """Finish after a kill: commit compactions that have a manifest and still fit, delete other uncommitted files.

    What an unfinished reland names is left alone: it is committed with the reland.
    """
    intended = intended_files(home)
    folder = home.ledger / "compactions"
    tiers = (home.landing, home.quarantine)
    remove_dead([*(path for tier in tiers for path in tier.glob("*/compact-*.tmp")), *folder.glob("*.tmp")])
    for path in sorted(folder.glob("*.json")):
        manifest = read_compaction(path)
        if manifest.file.file in intended or is_known(ledger, manifest.file.file):
            continue
        if (home.root / manifest.file.file).exists() and all(is_visible(ledger, file) for file in manifest.replaces):
            _commit(ledger, manifest)
        else:
            path.unlink()
            fsync_folder(folder)
    for path in sorted(path for tier in tiers for path in tier.glob("*/compact-*.parquet")):
        file = str(path.relative_to(home.root))
        if file not in intended and not is_known(ledger, file):
            path.unlink()


def _merge(
    home: Home, ledger: sqlite3.Connection, group: list[CompactionInput], slot: int, now: int
) -> CompactionManifest:
    name = "compact-" + hashlib.sha256("\n".join(source.file for source in group).encode()).hexdigest()[:32]
    folder = home.landing / utc_from_micros(group[0].hour).date().isoformat()
    sources = [(home.root / source.file, source.rows) for source in group]
    entry = write_merged(home, folder / f"{name}.parquet", sources, slot)
    if entry.slots != _slots(ledger, group):
        raise CheckFailed(
            f"the landing files of {utc_from_micros(group[0].hour).isoformat()} do not hold the slots of the ledger",
            "set slot_minutes back to what it was when they were landed, or restore them from a backup",
        )
    return CompactionManifest(name=name, written_at=now, file=entry, replaces=tuple(source.file for source in group))


def write_merged(home: Home, path: Path, sources: Sequence[tuple[Path, int]], slot: int) -> FileEntry:
    """Write the readings of landing files, each with its number of rows, as one: the same sources, the same bytes.

    Raises:
        CheckFailed: a source has another number of rows.
    """
    readings = pl.concat([_read(source, rows) for source, rows in sources], how="diagonal_relaxed")
    readings = readings.with_columns(slot_start=pl.col("event_at").cast(pl.Int64) // slot * slot)
    return write_landing(home, path, readings.sort(ORDER))


def write_rest(
    home: Home, compaction: CompactionManifest, rows: pl.DataFrame, slot: int, now: int
) -> CompactionManifest | None:
    """Write the rows of a compacted file that stay to a new file beside it; None without any.

    Args:
        home: the data folder.
        compaction: of the file. The new one stands for the same files.
        rows: those that stay, in columns of the file.
        slot: microseconds.
        now: microseconds since the epoch, UTC.
    """
    if rows.is_empty():
        return None
    name = "compact-" + hashlib.sha256(f"{compaction.name} {now}".encode()).hexdigest()[:32]
    path = (home.root / compaction.file.file).with_name(f"{name}.parquet")
    if compaction.file.kind == "quarantine":
        entry = write_quarantine(home, path, rows)
    else:
        readings = rows.with_columns(slot_start=pl.col("event_at").cast(pl.Int64) // slot * slot)
        entry = write_landing(home, path, readings.sort(ORDER, maintain_order=True))
    return CompactionManifest(name=name, written_at=now, file=entry, replaces=compaction.replaces)


def rows_of(home: Home, compaction: CompactionManifest) -> pl.DataFrame:
    """The rows of a compacted file.

    Raises:
        CheckFailed: it has another number of rows than the ledger.
    """
    return _read(home.root / compaction.file.file, compaction.file.rows)


def _read(path: Path, rows: int) -> pl.DataFrame:
    frame = pl.read_parquet(path, hive_partitioning=False)
    if len(frame) != rows:
        raise CheckFailed(f"{path} has {len(frame)} rows, the ledger has {rows}", "restore it from a backup")
    return frame


def _slots(ledger: sqlite3.Connection, group: list[CompactionInput]) -> dict[int, int]:
    found: Counter[int] = Counter()
    for source in group:
        found.update(dict(ledger.execute("select slot_start, rows from file_slots where file = ?", (source.file,))))
    return dict(found)


def _commit(ledger: sqlite3.Connection, manifest: CompactionManifest) -> None:
    with transaction(ledger):
        insert_file(ledger, manifest.name, manifest.file)
        replace_files(ledger, manifest.replaces, manifest.written_at)
