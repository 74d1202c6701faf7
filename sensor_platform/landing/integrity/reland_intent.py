"""Replaces the results of segments in one step that a crash cannot halve: of a reland, a requeue or a drop.

The intent is written first (`ledger/relands/<name>.json`: the manifests before and after, the compactions that end).
Then it is carried out: manifests, ledger commit, intent deleted. `finish_intents` repeats this for every intent that a
killed process left; repeating a finished one changes nothing.
"""

import itertools
import sqlite3
from pathlib import Path

import msgspec

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.durable import fsync_folder, write_file
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.files.leftovers import clear_rewritten, remove_dead
from sensor_platform.landing.files.paths import set_aside
from sensor_platform.landing.integrity.damage import forget_damage, insert_missed
from sensor_platform.landing.ledger.commit import replace_segment
from sensor_platform.landing.ledger.commit_checks import ChangedMeanwhile, check_committed, check_visible
from sensor_platform.landing.ledger.file_rows import insert_file, replace_files
from sensor_platform.landing.ledger.manifest import (
    CompactionManifest,
    FileEntry,
    Manifest,
    compaction_path,
    encode_compaction,
    write_manifest,
)
from sensor_platform.landing.manifests.manifest_store import remove_compaction
from sensor_platform.landing.removal.intent import finish_removals

_LOST = "was part of a compacted file that is damaged, and its raw archive is gone"


class LostFile(msgspec.Struct, frozen=True, kw_only=True):
    """A landing or quarantine file whose rows are lost for good."""

    segment: str
    entry: FileEntry


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What changes of a segment of which only some messages are decoded again. Slots are microseconds."""

    slots: tuple[int, ...]
    """Slots whose readings change."""
    added: dict[int, int]
    """New rows by slot."""


class RelandIntent(msgspec.Struct, frozen=True, kw_only=True):
    """One step: segments whose result is replaced, and the files that this replaces."""

    format: int = 1
    name: str
    written_at: int
    old: tuple[Manifest, ...]
    new: tuple[Manifest, ...]
    """Manifests of the same segments after the step, in the same order."""
    retired: tuple[str, ...] = ()
    """Files that these segments were compacted into."""
    compactions: tuple[str, ...] = ()
    """Names of the compactions that end, because their segments are relanded."""
    rest: CompactionManifest | None = None
    """As `rests`, of intents by earlier versions."""
    rests: tuple[CompactionManifest, ...] = ()
    """Rows of retired files that are of other segments: they stay, in files of their own."""
    changed: tuple[Changed | None, ...] = ()
    """For each manifest of `new`: what changes; None (and without any) where everything may."""
    lost: tuple[LostFile, ...] = ()
    """Files of segments without an archive, if the retired file is damaged."""

    @property
    def others(self) -> tuple[CompactionManifest, ...]:
        """All of `rests`."""
        return self.rests if self.rest is None else (*self.rests, self.rest)


def intent_path(home: Home, name: str) -> Path:
    """Path of an intent while it is carried out."""
    return home.ledger / "relands" / f"{name}.json"


def carry_out(home: Home, ledger: sqlite3.Connection, intent: RelandIntent) -> None:
    """Write the intent durably, then carry it out. May be repeated. Hold `changes_lock`.

    Raises:
        ChangedMeanwhile: the ledger has something else than the step would replace; nothing was changed.
    """
    if not _is_committed(ledger, intent):
        _check(ledger, intent)
    write_file(intent_path(home, intent.name), msgspec.json.encode(intent))
    _finish(home, ledger, intent)


def finish_intents(home: Home, ledger: sqlite3.Connection) -> int:
    """Finish the intents of killed processes; returns their number."""
    finish_removals(home, ledger)
    paths = sorted((home.ledger / "relands").glob("*.json"))
    for path in paths:
        intent = _read(path)
        try:
            _finish(home, ledger, intent)
        except ChangedMeanwhile:  # by a version that did not finish it first
            _take_back(home, ledger, intent)
            set_aside(home, path)
    if paths:  # not at every look: there is a manifest for each segment
        remove_dead(each for folder in ("segments", "compactions") for each in (home.ledger / folder).glob("*.tmp"))
    _clear_unfinished(home, ledger)
    return len(paths)


def intended_files(home: Home) -> set[str]:
    """Files that unfinished relands will make visible, relative to home."""
    intents = [_read(path) for path in sorted((home.ledger / "relands").glob("*.json"))]
    found = {entry.file for intent in intents for manifest in intent.new for entry in manifest.files}
    return found | {rest.file.file for intent in intents for rest in intent.others}


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
        remove_compaction(home, name)
    for rest in intent.others:
        write_file(compaction_path(home, rest.name), encode_compaction(rest))


def _is_committed(ledger: sqlite3.Connection, intent: RelandIntent) -> bool:
    """Whether every segment has the commit time of this step."""
    for manifest in intent.new:
        found = ledger.execute("select committed_at from segments where segment = ?", (manifest.segment,)).fetchone()
        if found is None or found[0] != manifest.written_at:
            return False
    return True


def _check(ledger: sqlite3.Connection, intent: RelandIntent) -> None:
    """Check that the ledger still has what the step replaces."""
    for manifest in intent.old:
        check_committed(ledger, manifest)
    missed = {file for (file,) in ledger.execute("select file from damaged_files")}
    check_visible(ledger, [file for file in intent.retired if file not in missed])


def _commit(ledger: sqlite3.Connection, intent: RelandIntent) -> None:
    """Commit to the ledger. Old files are marked as replaced, not deleted: processes may read them for another hour."""
    _check(ledger, intent)
    kept = {entry.file: new.segment for new in intent.new for entry in new.files}
    held = {entry.file for old in intent.old for entry in old.files}
    # some may be of another segment of the step before
    ledger.executemany("update files set segment = ? where file = ?", [(kept[file], file) for file in held & {*kept}])
    for old, new, changed in itertools.zip_longest(intent.old, intent.new, intent.changed):
        slots, added = (None, None) if changed is None else (changed.slots, changed.added)
        replace_segment(ledger, old, new, slots, added, held)
    for rest in intent.others:
        insert_file(ledger, rest.name, rest.file)
    replace_files(ledger, intent.retired, intent.written_at)
    forgotten = [entry.file for old in intent.old for entry in old.files if entry.file not in kept]
    forget_damage(ledger, [*forgotten, *intent.retired])
    for lost in intent.lost:
        insert_missed(ledger, lost.segment, lost.entry, _LOST, intent.written_at)


def _take_back(home: Home, ledger: sqlite3.Connection, intent: RelandIntent) -> None:
    """Write the manifests again that the ledger has."""
    for old in intent.old:
        found = ledger.execute("select committed_at from segments where segment = ?", (old.segment,)).fetchone()
        if found is not None and found[0] == old.written_at:
            write_manifest(home, old)


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
