"""Rebuilds the ledger from its manifests with a new generation, so that everything built from it becomes dirty."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.files.paths import set_aside
from sensor_platform.landing.forget.standing import restore_rules
from sensor_platform.landing.integrity.damage import MISSING, insert_missed, is_gone_on_purpose
from sensor_platform.landing.integrity.reland_intent import drop_intent, write_manifests
from sensor_platform.landing.lander_lock import with_changes_lock
from sensor_platform.landing.ledger.commit import insert_file, insert_segment, replace_files
from sensor_platform.landing.ledger.horizon import landing_floor, restore_floor
from sensor_platform.landing.ledger.manifest import (
    CompactionManifest,
    FileEntry,
    Manifest,
    read_compaction,
    read_manifest,
)
from sensor_platform.landing.ledger.retention_day import restore_retention_clock
from sensor_platform.landing.ledger.schema import new_generation, open_ledger
from sensor_platform.landing.removal.intent import delete_removed_files, write_removed_manifests

_CONTENT = (
    "segments",
    "files",
    "file_slots",
    "slots",
    "counts",
    "arrivals",
    "damage",
    "imports",
    "drift",
    "kinds",
    "warehouse_state",
)
_SUMS = ("commit_days", "day_marks")
"""Emptied last: triggers write them while the others are emptied."""
_PROOF = ("sequences", "late_frozen", "damaged_files", "held_slots", "verified")


@dataclass(frozen=True, slots=True)
class RebuiltLedger:
    """Result of a rebuild."""

    segments: int
    compactions: int
    missing: tuple[str, ...]
    """Landing and quarantine files that a manifest names, that nothing replaces, and that do not exist."""


def rebuild_ledger(home: Home) -> RebuiltLedger:
    """Replace the content of the ledger by that of the manifests, in one transaction. Hold the lander's lock.

    Raises:
        CheckFailed: a manifest is damaged.
        Unreachable: an import, a requeue, a reland or housekeeping works on this home.
    """
    with with_changes_lock(home, "rebuild of the ledger"):
        return _rebuild(home)


def _rebuild(home: Home) -> RebuiltLedger:
    write_manifests(home)
    write_removed_manifests(home)
    segments = [read_manifest(path) for path in _manifests(home, "segments")]
    compactions = [read_compaction(path) for path in _manifests(home, "compactions")]
    segments.sort(key=lambda manifest: (manifest.written_at, manifest.segment))
    compactions.sort(key=lambda manifest: (manifest.written_at, manifest.name))
    _put_unreadable_aside(home)
    with open_ledger(home) as ledger, transaction(ledger):
        for table in (*_CONTENT, *_PROOF, *_SUMS):
            ledger.execute(f"delete from {table}")  # noqa: S608 - constants
        new_generation(ledger)
        restore_floor(ledger, home)
        restore_rules(ledger, home)
        restore_retention_clock(ledger, home)
        missing = [entry for manifest in segments for entry in _insert_segment(ledger, home, manifest)]
        there = [compaction for compaction in compactions if (home.root / compaction.file.file).exists()]
        for compaction in there:
            _insert_compaction(ledger, compaction)
        replaced = {file for compaction in there for file in compaction.replaces}
        replaced |= {file for manifest in segments for file in manifest.replaces}
        lost = [(segment, entry) for segment, entry in missing if entry.file not in replaced]
        floor = landing_floor(ledger)
        lost = [(segment, entry) for segment, entry in lost if not is_gone_on_purpose(entry, floor)]
        now = max((manifest.written_at for manifest in segments), default=0)
        for segment, entry in lost:
            insert_missed(ledger, segment, entry, MISSING, now)
        delete_removed_files(home, ledger)
    for path in sorted((home.ledger / "relands").glob("*.json")):
        drop_intent(path)
    return RebuiltLedger(len(segments), len(compactions), tuple(sorted(entry.file for _, entry in lost)))


def _manifests(home: Home, folder: str) -> list[Path]:
    return sorted((home.ledger / folder).glob("*.json"))


def _put_unreadable_aside(home: Home) -> None:
    if not home.ledger_file.exists():
        return
    try:
        with open_ledger(home) as ledger:
            if ledger.execute("pragma quick_check").fetchone() == ("ok",):
                return
    except PlatformError:
        pass
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            set_aside(home, home.ledger_file.with_name(home.ledger_file.name + suffix))


def _insert_segment(ledger: sqlite3.Connection, home: Home, manifest: Manifest) -> list[tuple[str, FileEntry]]:
    """Insert a segment with its existing files; returns the files that are missing."""
    present = tuple(entry for entry in manifest.files if (home.root / entry.file).exists())
    slots = {slot for entry in manifest.files for slot in entry.slots}
    insert_segment(ledger, msgspec.structs.replace(manifest, files=present), also_touched=slots)
    there = {entry.file for entry in present}
    # the raw archive is kept for some days only
    files = [entry for entry in manifest.files if entry.kind != "raw" and entry.file not in there]
    return [(manifest.segment, entry) for entry in files]


def _insert_compaction(ledger: sqlite3.Connection, compaction: CompactionManifest) -> None:
    """Insert a compaction, unless another has already replaced one of its files."""
    states = [
        ledger.execute("select replaced_at from files where file = ?", (file,)).fetchone()
        for file in compaction.replaces
    ]
    if any(state is not None and state[0] is not None for state in states):
        return
    insert_file(ledger, compaction.name, compaction.file)
    replace_files(ledger, compaction.replaces, compaction.written_at)
