"""Finds, replaces and removes manifests, wherever they are: in a file of their own, or in a bundle.

A manifest in a file of its own is newer than one of the same name in a bundle. One that ended leaves a mark,
`<name>.gone`, until housekeeping has taken it out of its bundle.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.durable import fsync_folder, write_file
from sensor_platform.landing.ledger.manifest import (
    CompactionManifest,
    Manifest,
    compaction_path,
    manifest_path,
    read_compaction,
    read_manifest,
)
from sensor_platform.landing.ledger.summing import bundled_at, committed_at, summed_day
from sensor_platform.landing.manifests.bundle_paths import bundle_keys, bundle_path, day_key, folder_of, hour_key
from sensor_platform.landing.manifests.bundle_writing import write_bundle
from sensor_platform.landing.manifests.bundles import bundled_compactions, find_bundled, read_bundle


def find_manifest(home: Home, ledger: sqlite3.Connection, segment: str) -> Manifest | None:
    """The manifest of a commit, or None.

    After the day of its commit was summed up it has no counts of devices any more, but for later differences.

    Raises:
        CheckFailed: it is damaged.
    """
    path = manifest_path(home, segment)
    if path.exists():
        return read_manifest(path)
    for key in () if is_gone(path) else _keys(ledger, segment):
        if (found := find_bundled(home, key, segment)) is not None:
            return found
    return None


def bundle_of(home: Home, ledger: sqlite3.Connection, segment: str) -> str | None:
    """Key of the one bundle that may be rewritten to change a manifest; None where it needs a file of its own.

    That is where it has one already, where it ended, or where the day is just being merged from its hours.
    """
    path = manifest_path(home, segment)
    if path.exists() or is_gone(path):
        return None
    keys = [key for key in _keys(ledger, segment) if bundle_path(home, key).exists()]
    return keys[0] if len(keys) == 1 else None


def remove_manifest(home: Home, segment: str) -> None:
    """Remove the manifest of a commit that ended. Repeating it changes nothing; it needs no ledger."""
    _remove(home, manifest_path(home, segment))


def find_compaction(home: Home, ledger: sqlite3.Connection, name: str) -> CompactionManifest | None:
    """The manifest of a compaction, or None.

    Raises:
        CheckFailed: it is damaged.
    """
    path = compaction_path(home, name)
    if path.exists():
        return read_compaction(path)
    at = None if is_gone(path) else bundled_at(ledger, name)
    found = (each for key in _keys_at(at) for each in _compactions_in(home, key))
    return next((each for each in found if each.name == name), None)


def need_compaction(home: Home, ledger: sqlite3.Connection, name: str) -> CompactionManifest:
    """The manifest of a compaction whose file is to be replaced.

    Raises:
        CheckFailed: it is damaged or missing.
    """
    found = find_compaction(home, ledger, name)
    if found is None:
        raise CheckFailed(f"the manifest of {name} is missing", "restore ledger/ from a backup of the home")
    return found


def remove_compaction(home: Home, name: str) -> None:
    """Remove the manifest of a compaction whose file is replaced. Repeating it changes nothing; it needs no ledger."""
    _remove(home, compaction_path(home, name))


def is_gone(path: Path) -> bool:
    """Whether a manifest, by the path of its own file, was removed and may still be in a bundle."""
    return path.with_suffix(".gone").exists()


def compactions_since(home: Home, since: int) -> Iterator[CompactionManifest]:
    """Manifests of compactions that were made on the day of a time (microseconds) or later, or have their own file.

    Those of bundles come first, by the time at which they were made.
    """
    own = loose_compactions(home)
    for key in bundle_keys(home, day_key(since)):
        for each in _compactions_in(home, key):
            if each.name not in own and not is_gone(compaction_path(home, each.name)):
                yield each
    yield from sorted(own.values(), key=attrgetter("written_at", "name"))


def loose_compactions(home: Home) -> dict[str, CompactionManifest]:
    """Manifests of compactions that have their own file, by name."""
    return {path.stem: read_compaction(path) for path in sorted((home.ledger / "compactions").glob("*.json"))}


def take_out_of_bundles(home: Home, names: Sequence[str], since: int, but: str) -> None:
    """Take manifests out of every bundle since a time, except the one with the key `but`."""
    for key in bundle_keys(home, day_key(since)):
        if key != but:
            _take_out(home, names, [key])


def _compactions_in(home: Home, key: str) -> Iterator[CompactionManifest]:
    return bundled_compactions(home, key) if bundle_path(home, key).exists() else iter(())


def _keys(ledger: sqlite3.Connection, segment: str) -> list[str]:
    """Keys of the bundles in which the manifest of a committed segment can be."""
    at = committed_at(ledger, segment)
    if at is not None:
        return _keys_at(at)
    day = summed_day(ledger, segment)
    return [] if day is None else [day_key(day)]


def _keys_at(at: int | None) -> list[str]:
    return [] if at is None else [hour_key(at), day_key(at)]


def _take_out(home: Home, names: Sequence[str], keys: Sequence[str]) -> None:
    for key in keys:
        bundle = read_bundle(home, key)
        if any(name in bundle.manifests or name in bundle.compactions for name in names):
            bundle.remove(names)
            write_bundle(home, key, bundle)


def _remove(home: Home, path: Path) -> None:
    if folder_of(home).exists() and not is_gone(path):
        write_file(path.with_suffix(".gone"), b"")
    if path.exists():
        path.unlink()
        fsync_folder(path.parent)
