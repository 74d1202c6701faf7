"""Carries out a removal in one step that a crash cannot halve.

The intent is written first (`ledger/removals/<name>.json`: what the manifests say afterwards, and the new files). Then
it is carried out: manifests, ledger commit, rewritten archives, and the intent ends as `<name>.done`, which names the
old files until they are deleted. `finish_removals` repeats this for every intent that a killed process left.
"""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.durable import fsync_folder, write_file
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.forget.facts import delete_facts
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.ledger.commit import insert_segment, update_segment, withdraw_segment
from sensor_platform.landing.ledger.commit_checks import check_visible
from sensor_platform.landing.ledger.count_rows import add_counts
from sensor_platform.landing.ledger.file_rows import delete_files, insert_file, replace_files
from sensor_platform.landing.ledger.manifest import (
    CompactionManifest,
    DeviceCounts,
    FileEntry,
    Manifest,
    compaction_path,
    encode_compaction,
    write_manifest,
)
from sensor_platform.landing.ledger.slot_positions import next_position, touch_slots
from sensor_platform.landing.ledger.summing import SumChange, change_day
from sensor_platform.landing.ledger.visible_files import is_known
from sensor_platform.landing.manifests.bundle_writing import drop_staged, put_staged
from sensor_platform.landing.manifests.bundles import read_bundle
from sensor_platform.landing.manifests.manifest_store import remove_compaction, remove_manifest
from sensor_platform.landing.manifests.named import forget_in_files, is_replaced


class NewFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file without the rows that were taken out, and the file that it replaces."""

    old: str
    owner: str
    """The commit that it belongs to; of a compacted file the name of the compaction."""
    entry: FileEntry | None = None
    """None where no row is left."""


class ReplacedCompaction(msgspec.Struct, frozen=True, kw_only=True):
    """A compaction whose file is replaced."""

    name: str
    new: CompactionManifest | None = None
    """None where no row is left."""


class BlankedArchive(msgspec.Struct, frozen=True, kw_only=True):
    """An archived segment to be replaced by a copy, under the same name."""

    segment: str
    copy: str
    """Path of the copy, relative to home."""
    entry: FileEntry
    """The archive as it is afterwards."""
    messages: int
    """Messages that are blanked by this."""


class RemovalIntent(msgspec.Struct, frozen=True, kw_only=True):
    """One removal: everything that it changes."""

    format: int = 1
    name: str
    written_at: int
    manifests: tuple[Manifest, ...] = ()
    """Changed manifests that get a file of their own, as they are afterwards."""
    bundles: tuple[str, ...] = ()
    """Keys of bundles for which a changed copy is staged."""
    gone: tuple[str, ...] = ()
    """Commits that end: imports that are withdrawn as a whole, and what was requeued and dropped of them."""
    added: tuple[Manifest, ...] = ()
    """A new commit of the same step: the import that replaces another one."""
    files: tuple[NewFile, ...] = ()
    compactions: tuple[ReplacedCompaction, ...] = ()
    counts: tuple[DeviceCounts, ...] = ()
    """Differences of the ledger's counts."""
    arrivals: dict[int, int] = {}
    """Differences of the messages received, by hour."""
    slots: tuple[int, ...] = ()
    """Slots whose readings change."""
    archives: tuple[BlankedArchive, ...] = ()
    days: dict[int, SumChange] = {}
    """Day of commit to the differences of its sums, for manifests whose day was summed up."""
    rules: tuple[ForgetRule, ...] = ()
    """What is forgotten by this: facts beside the readings are deleted from the ledger too."""
    also_old: tuple[str, ...] = ()
    """Further files with the rows, which others had replaced before: a ledger that is rebuilt does not know them."""


def removals_folder(home: Home) -> Path:
    """Folder of the intents."""
    return home.ledger / "removals"


def carry_out(home: Home, ledger: sqlite3.Connection, intent: RemovalIntent) -> None:
    """Write the intent durably, then carry it out. May be repeated. Hold `changes_lock`.

    Raises:
        ChangedMeanwhile: a file that it replaces is not in use any more; nothing was changed.
    """
    check_visible(ledger, (file.old for file in intent.files))
    write_file(_path(home, intent.name), msgspec.json.encode(intent))
    _finish(home, ledger, intent)


def finish_removals(home: Home, ledger: sqlite3.Connection) -> int:
    """Finish the removals of killed processes, and forget about files that are deleted; returns how many were left."""
    intents = [read_intent(path) for path in _pending(home)]
    for intent in intents:
        _finish(home, ledger, intent)
    drop_staged(home, ())
    for path in sorted(removals_folder(home).glob("*.done")):
        if not any((home.root / file).exists() for file in msgspec.json.decode(path.read_bytes())):
            path.unlink()
    if ledger.execute("select 1 from meta where key glob 'removal.*'").fetchone():
        ledger.execute("delete from meta where key glob 'removal.*'")
    return len(intents)


def write_removed_manifests(home: Home) -> None:
    """Do without a ledger what every intent says, before the ledger is rebuilt from the manifests."""
    for path in _pending(home):
        intent = read_intent(path)
        _write_manifests(home, intent)
        _replace_archives(home, intent)
        _end(home, intent)


def delete_removed_files(home: Home, ledger: sqlite3.Connection) -> None:
    """Delete the old files of finished removals that a rebuilt ledger does not know."""
    for path in sorted(removals_folder(home).glob("*.done")):
        for file in msgspec.json.decode(path.read_bytes(), type=list[str]):
            if not is_known(ledger, file):
                (home.root / file).unlink(missing_ok=True)


def read_intent(path: Path) -> RemovalIntent:
    """The intent in a file.

    Raises:
        CheckFailed: it is damaged.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=RemovalIntent)
    except msgspec.DecodeError as error:
        raise CheckFailed(f"{path} is damaged: {error}", "restore it from a backup of the home") from error


def _pending(home: Home) -> list[Path]:
    return sorted(removals_folder(home).glob("*.json"))


def _path(home: Home, name: str) -> Path:
    return removals_folder(home) / f"{name}.json"


def _finish(home: Home, ledger: sqlite3.Connection, intent: RemovalIntent) -> None:
    _write_manifests(home, intent)
    with transaction(ledger):
        if not ledger.execute("select 1 from meta where key = ?", (_key(intent),)).fetchone():
            check_visible(ledger, (file.old for file in intent.files))
            _commit(home, ledger, intent)
            ledger.execute("insert into meta (key, value) values (?, '1')", (_key(intent),))
    _replace_archives(home, intent)
    with transaction(ledger):
        for archive in intent.archives:
            if not is_known(ledger, archive.entry.file):
                insert_file(ledger, archive.segment, archive.entry)
    _end(home, intent)
    ledger.execute("delete from meta where key = ?", (_key(intent),))


def _key(intent: RemovalIntent) -> str:
    return f"removal.{intent.name}"


def _end(home: Home, intent: RemovalIntent) -> None:
    """Replace the intent by the list of its old files: nothing of what was removed is kept in it."""
    path = _path(home, intent.name)
    write_file(path.with_suffix(".done"), msgspec.json.encode([*(file.old for file in intent.files), *intent.also_old]))
    path.unlink(missing_ok=True)
    fsync_folder(path.parent)


def _write_manifests(home: Home, intent: RemovalIntent) -> None:
    for key in intent.bundles:
        put_staged(home, key)
    for manifest in (*intent.manifests, *intent.added):
        write_manifest(home, manifest)
    for name in intent.gone:
        remove_manifest(home, name)
    for compaction in intent.compactions:
        if compaction.new is not None:
            write_file(compaction_path(home, compaction.new.name), encode_compaction(compaction.new))
        remove_compaction(home, compaction.name)
    forget_in_files(home, {rule.device: rule.at for rule in intent.rules if rule.is_whole_device and rule.device})


def _replace_archives(home: Home, intent: RemovalIntent) -> None:
    """Put the copies in place of the archives, which the ledger does not name meanwhile: no verification sees them."""
    for archive in intent.archives:
        copy, place = home.root / archive.copy, home.root / archive.entry.file
        if copy.exists():
            os.replace(copy, place)  # noqa: PTH105 - os.replace is the step that fault-injection tests count
            fsync_folder(place.parent)


def _commit(home: Home, ledger: sqlite3.Connection, intent: RemovalIntent) -> None:
    """Commit to the ledger. Old files are marked as replaced, not deleted: processes may read them for another hour."""
    touch_slots(ledger, intent.slots, next_position(ledger))
    replace_files(ledger, [file.old for file in intent.files], intent.written_at)
    for file in intent.files:
        if file.entry is not None:
            insert_file(ledger, file.owner, file.entry)
    add_counts(ledger, intent.counts, intent.arrivals)
    for manifest in _changed_manifests(home, intent):
        update_segment(ledger, manifest)
    for day, change in intent.days.items():
        change_day(ledger, day, change)
    for name in intent.gone:
        withdraw_segment(ledger, name)
    for rule in intent.rules:
        delete_facts(ledger, rule)
    delete_files(ledger, [archive.entry.file for archive in intent.archives])
    for manifest in intent.added:
        insert_segment(ledger, manifest)


def _changed_manifests(home: Home, intent: RemovalIntent) -> Iterator[Manifest]:
    """As they are afterwards; also unchanged ones of the same bundles, of which the ledger says the same already."""
    yield from intent.manifests
    for key in intent.bundles:
        for manifest in read_bundle(home, key).manifests.values():
            if not is_replaced(home, manifest.segment):
                yield manifest
