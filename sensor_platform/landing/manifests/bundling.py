"""Housekeeping of manifests: those of closed hours go into bundles, those of old days into one bundle of the day.

Each step may be killed at any point and repeated. A manifest leaves its own file only after its bundle is on the disk;
the bundles of hours are deleted only after the ledger has summed up their day. Hold `changes_lock`.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import msgspec
import polars as pl

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, HOUR, start_of_day
from sensor_platform.kernel.durable import fsync_folder
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.files.leftovers import remove_dead
from sensor_platform.landing.ledger.count_rows import take_off
from sensor_platform.landing.ledger.manifest import COUNTS, CompactionManifest, Manifest, read_compaction, read_manifest
from sensor_platform.landing.ledger.summing import (
    committed_at,
    days_to_sum,
    is_committed,
    is_summed,
    remember_bundled,
    segments_to_sum,
    sum_up,
)
from sensor_platform.landing.ledger.visible_files import is_known
from sensor_platform.landing.manifests.bundle_paths import bundle_path, day_key, folder_of, hour_key, hours_of
from sensor_platform.landing.manifests.bundle_writing import delete_hours, write_bundle
from sensor_platform.landing.manifests.bundles import Bundle, read_bundle
from sensor_platform.landing.manifests.count_files import counts_file
from sensor_platform.landing.manifests.counts_table import ranges, read_counts, summed, write_counts
from sensor_platform.landing.manifests.manifest_store import take_out_of_bundles
from sensor_platform.wal import parse_name

MOST = 20_000
"""Manifests that one run takes from their own files: a home of an earlier version has millions."""


def bundle_hours(home: Home, ledger: sqlite3.Connection, now: int) -> int:
    """Put the manifests of commits before the current hour into bundles; returns how many."""
    remove_dead([*folder_of(home).rglob("*.tmp"), *(home.ledger / "counts").glob("*.tmp")])
    manifests, compactions = _loose(home, ledger, now // HOUR * HOUR)
    keys: dict[str, tuple[list[Manifest], list[CompactionManifest]]] = defaultdict(lambda: ([], []))
    for manifest in manifests:
        keys[_key(ledger, manifest.written_at)][0].append(manifest)
    for compaction in compactions:
        keys[_key(ledger, compaction.written_at)][1].append(compaction)
    _take_out_gone(home)
    for key, (some, made) in sorted(keys.items()):
        bundle = read_bundle(home, key)
        bundle.add(some)
        bundle.compactions.update((each.name, each) for each in made)
        write_bundle(home, key, bundle)
        moved = [each for each in some if _is_rewritten(each)]
        if moved:
            since = min(_first_day(each) for each in moved)
            take_out_of_bundles(home, [each.segment for each in moved], since, but=key)
        with transaction(ledger):
            remember_bundled(ledger, [(each.name, each.written_at) for each in made])
        _unlink(home.ledger / "segments", (each.segment for each in some))
        _unlink(home.ledger / "compactions", (each.name for each in made))
    return len(manifests)


def merge_days(home: Home, ledger: sqlite3.Connection, now: int) -> int:
    """Sum up days of which nothing is left but compacted files; returns how many."""
    days = days_to_sum(ledger, now // DAY * DAY)
    if days:
        loose = {read_manifest(path).written_at // DAY * DAY for path in (home.ledger / "segments").glob("*.json")}
        days = [day for day in days if day not in loose]
    for day in days:
        _merge_day(home, ledger, day)
    for name in {path.parent.name for path in folder_of(home).glob("*/*")}:
        if bundle_path(home, name).exists() and is_summed(ledger, _start(name)):
            delete_hours(home, name)  # left over by a kill
    return len(days)


def _merge_day(home: Home, ledger: sqlite3.Connection, day: int) -> None:
    key = day_key(day)
    hours = hours_of(home, key)
    names = segments_to_sum(ledger, day)
    whole = Bundle()
    parts: list[pl.DataFrame] = []
    for hour in hours:
        bundle = read_bundle(home, hour)
        is_summed_up = pl.col("segment").is_in(names)
        parts.append(summed(bundle.counts.filter(is_summed_up)))
        whole.manifests |= {name: _without_gone(ledger, each) for name, each in bundle.manifests.items()}
        whole.compactions |= bundle.compactions
        whole.counts = pl.concat([whole.counts, bundle.counts.filter(~is_summed_up)])
    if not hours and not bundle_path(home, key).exists():
        return
    if hours:
        write_counts(counts_file(home, day), summed(pl.concat(parts)))
        write_bundle(home, key, whole)
    _register(home, ledger, day, [name for name in names if name in whole.manifests] if hours else names)
    delete_hours(home, key)


def _register(home: Home, ledger: sqlite3.Connection, day: int, names: list[str]) -> None:
    """Sum up a day in the ledger, whose bundle and counts are on the disk."""
    table = read_counts(counts_file(home, day))
    numbered = table.filter(pl.col("sequences").list.len() > 0).select("hour", "device_id", "sequences")
    with transaction(ledger):
        take_off(
            ledger,
            table.select("hour", "device_id", *COUNTS).rows(),
            [((hour, device), list(ranges(flat))) for hour, device, flat in numbered.iter_rows()],
        )
        sum_up(ledger, day, names, table["hour"].unique())


def _loose(home: Home, ledger: sqlite3.Connection, before: int) -> tuple[list[Manifest], list[CompactionManifest]]:
    """Committed manifests in files of their own, of commits before a time.

    Those of what people did (imports, requeues) stay where they are: they are few, and may be withdrawn.
    """
    manifests = [
        each
        for path in sorted((home.ledger / "segments").glob("*.json"))[:MOST]
        if parse_name(path.stem)
        and not (home.wal / f"{path.stem}.wal").exists()
        and (each := read_manifest(path)).written_at < before
        and _is_committed(ledger, each)
    ]
    compactions = [
        made
        for path in sorted((home.ledger / "compactions").glob("*.json"))[:MOST]
        if (made := read_compaction(path)).written_at < before and is_known(ledger, made.file.file)
    ]
    return manifests, compactions


def _is_committed(ledger: sqlite3.Connection, manifest: Manifest) -> bool:
    """Whether the ledger has just this commit of the segment."""
    at = committed_at(ledger, manifest.segment)
    return at == manifest.written_at or (at is None and is_committed(ledger, manifest.segment))


def _key(ledger: sqlite3.Connection, at: int) -> str:
    return day_key(at) if is_summed(ledger, at // DAY * DAY) else hour_key(at)


def _is_rewritten(manifest: Manifest) -> bool:
    """Whether the commit can have been made at another time before: relands and requeues name their files so."""
    return any("~" in entry.file for entry in manifest.files)


def _first_day(manifest: Manifest) -> int:
    return min(_start(entry.file.split("/")[-2]) for entry in manifest.files)


def _start(day: str) -> int:
    return start_of_day(date.fromisoformat(day))


def _without_gone(ledger: sqlite3.Connection, manifest: Manifest) -> Manifest:
    """Without the checksums of files that are gone: their slots still count, and checksums do not compress."""
    files = tuple(
        entry if is_known(ledger, entry.file) else msgspec.structs.replace(entry, bytes=0, sha256="")
        for entry in manifest.files
    )
    return msgspec.structs.replace(manifest, files=files)


def _take_out_gone(home: Home) -> None:
    """Take the manifests of commits and compactions that ended out of the bundles."""
    marks = [*(home.ledger / "segments").glob("*.gone"), *(home.ledger / "compactions").glob("*.gone")]
    if marks:
        take_out_of_bundles(home, [path.stem for path in marks], 0, but="")
        for path in marks:
            path.unlink()


def _unlink(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        (folder / f"{name}.json").unlink(missing_ok=True)
    if folder.exists():
        fsync_folder(folder)
