"""Rebuilds the ledger from its manifests with a new generation, so that everything built from it becomes dirty."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec

from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.kernel.days import LATEST
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.files.paths import set_aside
from sensor_platform.landing.forget.facts import delete_heard
from sensor_platform.landing.forget.standing import restore_rules, standing_rules
from sensor_platform.landing.integrity.damage import MISSING, insert_missed
from sensor_platform.landing.integrity.missed_files import MissedFiles
from sensor_platform.landing.integrity.reland_intent import drop_intent, write_manifests
from sensor_platform.landing.lander_lock import with_changes_lock
from sensor_platform.landing.ledger.commit import insert_segment
from sensor_platform.landing.ledger.file_rows import insert_file, replace_files
from sensor_platform.landing.ledger.horizon import restore_floor
from sensor_platform.landing.ledger.manifest import CompactionManifest, Manifest, compaction_path
from sensor_platform.landing.ledger.retention_day import restore_retention_clock
from sensor_platform.landing.ledger.schema import new_generation, open_ledger
from sensor_platform.landing.ledger.slot_positions import touch_slots
from sensor_platform.landing.ledger.slots import touched_slots
from sensor_platform.landing.ledger.summing import remember_bundled
from sensor_platform.landing.manifests.manifest_store import compactions_since
from sensor_platform.landing.manifests.streams import DaysToSum, manifests_in_order
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
    "segment_ranges",
    "summed_days",
    "count_hours",
    "compactions",
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
    _put_unreadable_aside(home)
    segments = compactions = now = 0
    with open_ledger(home) as ledger, transaction(ledger):
        slots = touched_slots(ledger, LATEST)
        for table in (*_CONTENT, *_PROOF, *_SUMS):
            ledger.execute(f"delete from {table}")  # noqa: S608 - constants
        new_generation(ledger)
        restore_floor(ledger, home)
        restore_rules(ledger, home)
        for rule in standing_rules(ledger).rules:  # the rows of `heard` stay, and the ledger may come from a backup
            delete_heard(ledger, rule)
        restore_retention_clock(ledger, home)
        missed = MissedFiles(ledger, home)
        days = DaysToSum(home, ledger)
        for manifest in manifests_in_order(home):
            days.sum_before(manifest.written_at)
            now = max(now, manifest.written_at)
            segments += 1
            _insert_segment(ledger, home, manifest, missed)
        days.sum_before(now + DAY)
        for compaction in compactions_since(home, 0):
            compactions += 1
            _insert_compaction(ledger, home, compaction, missed)
        # those of which nothing is left too: what was made of them is built again from nothing
        touch_slots(ledger, set(slots).difference(touched_slots(ledger, LATEST)), 0)
        lost = missed.lost()
        for segment, entry in lost:
            insert_missed(ledger, segment, entry, MISSING, now)
        delete_removed_files(home, ledger)
    for path in sorted((home.ledger / "relands").glob("*.json")):
        drop_intent(path)
    return RebuiltLedger(segments, compactions, tuple(sorted(entry.file for _, entry in lost)))


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


def _insert_segment(ledger: sqlite3.Connection, home: Home, manifest: Manifest, missed: MissedFiles) -> None:
    """Insert a segment with its existing files."""
    present = tuple(entry for entry in manifest.files if (home.root / entry.file).exists())
    slots = {slot for entry in manifest.files for slot in entry.slots}
    insert_segment(ledger, msgspec.structs.replace(manifest, files=present), also_touched=slots)
    there = {entry.file for entry in present}
    # the raw archive is kept for some days only
    missed.add(manifest.segment, [each for each in manifest.files if each.kind != "raw" and each.file not in there])
    missed.remove(manifest.replaces)


def _insert_compaction(
    ledger: sqlite3.Connection, home: Home, compaction: CompactionManifest, missed: MissedFiles
) -> None:
    """Insert a compaction, unless its file is gone, another has replaced one of its files, or it was never committed.

    A kill may leave a manifest that no commit followed. It is passed over where one of its files was landed again
    since; the rows of its other files are in these.
    """
    if not compaction_path(home, compaction.name).exists():
        remember_bundled(ledger, [(compaction.name, compaction.written_at)])
    if not (home.root / compaction.file.file).exists():
        return
    if missed.has_one_of(compaction.replaces):
        missed.remove(compaction.replaces)
    elif any(_is_landed_again(ledger, file) for file in compaction.replaces):
        return
    states = [
        ledger.execute("select replaced_at from files where file = ?", (file,)).fetchone()
        for file in compaction.replaces
    ]
    if any(state is not None and state[0] is not None for state in states):
        return
    insert_file(ledger, compaction.name, compaction.file)
    replace_files(ledger, compaction.replaces, compaction.written_at)


def _is_landed_again(ledger: sqlite3.Connection, file: str) -> bool:
    """Whether the commit of a file's segment names another file of the same day instead."""
    path = PurePosixPath(file)
    others = ledger.execute(
        "select file from files where segment = ? and replaced_at is null", (path.stem.partition("~")[0],)
    ).fetchall()
    return (file,) not in others and any(PurePosixPath(other).parent == path.parent for (other,) in others)
