"""Replaces segments by their relanded files in one step that a crash cannot halve.

The intent is written first (`ledger/relands/<name>.json`: the manifests before and after, the compactions that end).
Then it is carried out: manifests, ledger commit, intent deleted. `finish_intents` repeats this for every intent that a
killed process left; repeating a finished one changes nothing.
"""

import sqlite3
from pathlib import Path

import msgspec

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.durable import fsync_folder, write_file
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.files.leftovers import clear_rewritten, remove_dead
from sensor_platform.landing.integrity.damage import forget_damage, insert_missed
from sensor_platform.landing.ledger.commit import insert_file, insert_segment, replace_files
from sensor_platform.landing.ledger.manifest import (
    CompactionManifest,
    FileEntry,
    Manifest,
    compaction_path,
    encode_compaction,
    write_manifest,
)
from sensor_platform.landing.removal.intent import finish_removals

_FILE = "file, segment, kind, rows, bytes, sha256, first_event_at, last_event_at, replaced_at"
_LOST = "was part of a compacted file that is damaged, and its raw archive is gone"


class LostFile(msgspec.Struct, frozen=True, kw_only=True):
    """A landing file whose rows are lost for good."""

    segment: str
    entry: FileEntry


class RelandIntent(msgspec.Struct, frozen=True, kw_only=True):
    """One step: segments that are relanded, and the files that they replace."""

    format: int = 1
    name: str
    written_at: int
    old: tuple[Manifest, ...]
    new: tuple[Manifest, ...]
    """Manifests of the same segments after the step, in the same order."""
    retired: tuple[str, ...] = ()
    """Landing files that these segments were compacted into."""
    compactions: tuple[str, ...] = ()
    """Names of the compactions that end, because their segments are relanded."""
    rest: CompactionManifest | None = None
    """The rows of a retired file whose segments have no archive: they stay, in a file of their own."""
    lost: tuple[LostFile, ...] = ()
    """Files of segments without an archive, if the retired file is damaged."""


def intent_path(home: Home, name: str) -> Path:
    """Path of an intent while it is carried out."""
    return home.ledger / "relands" / f"{name}.json"


def carry_out(home: Home, ledger: sqlite3.Connection, intent: RelandIntent) -> None:
    """Write the intent durably, then carry it out. May be repeated."""
    write_file(intent_path(home, intent.name), msgspec.json.encode(intent))
    _finish(home, ledger, intent)


def finish_intents(home: Home, ledger: sqlite3.Connection) -> int:
    """Finish the intents of killed processes; returns their number."""
    finish_removals(home, ledger)
    intents = [_read(path) for path in sorted((home.ledger / "relands").glob("*.json"))]
    for intent in intents:
        _finish(home, ledger, intent)
    _clear_unfinished(home, ledger)
    return len(intents)


def intended_files(home: Home) -> set[str]:
    """Files that unfinished relands will make visible, relative to home."""
    intents = [_read(path) for path in sorted((home.ledger / "relands").glob("*.json"))]
    found = {entry.file for intent in intents for manifest in intent.new for entry in manifest.files}
    return found | {intent.rest.file.file for intent in intents if intent.rest is not None}


def write_manifests(home: Home) -> None:
    """Write the manifests of every intent without a ledger, before the ledger is rebuilt from the manifests."""
    for path in sorted((home.ledger / "relands").glob("*.json")):
        _write_manifests(home, _read(path))


def _finish(home: Home, ledger: sqlite3.Connection, intent: RelandIntent) -> None:
    _write_manifests(home, intent)
    with transaction(ledger):
        if not _is_committed(ledger, intent):
            _commit(ledger, intent)
    drop_intent(intent_path(home, intent.name))


def drop_intent(path: Path) -> None:
    """Delete a finished intent."""
    path.unlink(missing_ok=True)
    fsync_folder(path.parent)


def _write_manifests(home: Home, intent: RelandIntent) -> None:
    for manifest in intent.new:
        write_manifest(home, manifest)
    for name in intent.compactions:
        compaction_path(home, name).unlink(missing_ok=True)
    if intent.compactions:
        fsync_folder(home.ledger / "compactions")
    if intent.rest is not None:
        write_file(compaction_path(home, intent.rest.name), encode_compaction(intent.rest))


def _is_committed(ledger: sqlite3.Connection, intent: RelandIntent) -> bool:
    """Whether every segment has the commit time of this step."""
    for manifest in intent.new:
        found = ledger.execute("select committed_at from segments where segment = ?", (manifest.segment,)).fetchone()
        if found is None or found[0] != manifest.written_at:
            return False
    return True


def _commit(ledger: sqlite3.Connection, intent: RelandIntent) -> None:
    """Commit to the ledger. Old files are marked as replaced, not deleted: processes may read them for another hour."""
    for old, new in zip(intent.old, intent.new, strict=True):
        kept = {entry.file for entry in new.files}
        known = ledger.execute(f"select {_FILE} from files where segment = ?", (new.segment,)).fetchall()  # noqa: S608
        insert_segment(ledger, new, instead_of=old, also_touched={slot for entry in old.files for slot in entry.slots})
        gone = [(*row[:-1], row[-1] or intent.written_at) for row in known if row[0] not in kept]
        ledger.executemany(f"insert into files ({_FILE}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)", gone)  # noqa: S608
    if intent.rest is not None:
        insert_file(ledger, intent.rest.name, intent.rest.file)
    replace_files(ledger, intent.retired, intent.written_at)
    forget_damage(ledger, [*(entry.file for old in intent.old for entry in old.files), *intent.retired])
    for lost in intent.lost:
        insert_missed(ledger, lost.segment, lost.entry, _LOST, intent.written_at)


def _clear_unfinished(home: Home, ledger: sqlite3.Connection) -> None:
    """Delete files that a killed process made before it wrote its intent."""
    for folder in ("relands", "removals"):
        remove_dead((home.ledger / folder).glob("*.tmp"))
    clear_rewritten(home, ledger)


def _read(path: Path) -> RelandIntent:
    try:
        return msgspec.json.decode(path.read_bytes(), type=RelandIntent)
    except msgspec.DecodeError as error:
        raise CheckFailed(f"{path} is damaged: {error}", "restore it from a backup of the home") from error
