"""Restores lost landing files from the raw archive bit for bit, for segments that must not be relanded.

A segment with rows that were dropped is not relanded: that would undo the decision of a person. Its landing file can
still be restored, if staging the archive makes exactly the bytes that were lost.
"""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sensor_platform.home import Home
from sensor_platform.kernel.durable import fsync_folder
from sensor_platform.landing.files.compaction import write_merged
from sensor_platform.landing.integrity.segment_state import read_state, segment_behind
from sensor_platform.landing.integrity.shared_files import compacted_segments, segment_of
from sensor_platform.landing.ledger.manifest import FileEntry, Manifest
from sensor_platform.landing.stage import stage_segment
from sensor_platform.wal import DamagedSegment

if TYPE_CHECKING:
    from sensor_platform.reading.decode import Decoder


@dataclass(frozen=True, slots=True)
class ContractsInForce:
    """The contracts by which messages are decoded now."""

    decoder: "Decoder"
    version: str
    slot: int
    """Length of a slot in microseconds."""


def raw_file(home: Home, ledger: sqlite3.Connection, segment: str) -> Path | None:
    """Path of the archived segment; None if it does not exist any more."""
    row = ledger.execute(
        "select file from files where segment = ? and kind = 'raw' and replaced_at is null", (segment,)
    ).fetchone()
    path = home.root / row[0] if row else None
    return path if path is not None and path.exists() else None


def has_dropped(manifest: Manifest) -> bool:
    """Whether rows of the segment were dropped from the quarantine: its landing was completed by that."""
    return any(entry.kind == "dropped" for entry in manifest.files)


def put_back_reconciled(
    home: Home,
    ledger: sqlite3.Connection,
    segments: Collection[str],
    contracts: ContractsInForce,
    clock: Callable[[], int],
) -> None:
    """Restore missing landing files of such segments in their place; `restore_files` then puts them into use.

    A compacted file is made of several segments, so the archive must have all of them. A file whose bytes come out
    differently, for instance under another contract, stays missing.
    """
    missed = ledger.execute("select file, entry from damaged_files where kind = 'landing'").fetchall()
    for file, text in missed:
        members = segments_of(home, ledger, file)
        if not set(members).isdisjoint(segments) and any(_is_reconciled(home, ledger, member) for member in members):
            raws = [raw_file(home, ledger, member) for member in members]
            lost = msgspec.json.decode(text, type=FileEntry)
            found = [raw for raw in raws if raw is not None]
            if len(found) == len(members):
                _put_back(home, lost, found, contracts, clock())


def segments_of(home: Home, ledger: sqlite3.Connection, file: str) -> tuple[str, ...]:
    """Segments whose readings are or were in a landing file, in the order in which they were merged."""
    stem = Path(file).stem
    return (
        tuple(compacted_segments(home, ledger, stem))
        if stem.startswith("compact-")
        else (segment_behind(home, segment_of(stem)),)
    )


def _is_reconciled(home: Home, ledger: sqlite3.Connection, segment: str) -> bool:
    state = read_state(home, ledger, segment)
    return state is not None and has_dropped(state.whole)


def _put_back(home: Home, lost: FileEntry, raws: Sequence[Path], contracts: ContractsInForce, now: int) -> None:
    place, made = home.root / lost.file, list[FileEntry]()
    try:
        for raw in raws:
            staged = stage_segment(
                home, raw, contracts.decoder, contracts.version, contracts.slot, lambda: now, suffix=f"~{now}"
            )
            made.extend(staged.files)
        landing = [entry for entry in made if entry.kind == "landing"]
        if len(landing) > 1:
            target = place.with_name(f"{place.stem}~{now}.parquet")
            sources = [(home.root / entry.file, entry.rows) for entry in landing]
            made.append(write_merged(home, target, sources, contracts.slot))
    except (DamagedSegment, OSError):
        pass
    for entry in made:
        path = home.root / entry.file
        if entry.sha256 == lost.sha256:
            path.rename(place)
            fsync_folder(place.parent)
        else:
            path.unlink(missing_ok=True)
