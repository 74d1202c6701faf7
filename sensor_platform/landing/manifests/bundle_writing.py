"""Writes, replaces and deletes bundles of manifests, each with the file of its counts."""

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

import msgspec
import zstandard

from sensor_platform.home import Home
from sensor_platform.kernel.durable import fsync_folder, write_file
from sensor_platform.landing.manifests.bundle_paths import SUFFIX, bundle_path, folder_of
from sensor_platform.landing.manifests.bundles import Bundle, BundleHeader, read_header, read_lines
from sensor_platform.landing.manifests.counts_table import write_counts

_LEVEL = 9


def write_bundle(home: Home, key: str, bundle: Bundle) -> None:
    """Durably write a bundle and the file of its counts; an empty one is deleted."""
    path = bundle_path(home, key)
    if not (bundle.manifests or bundle.compactions):
        delete_bundle(home, key)
        return
    counts = _write(path, path, bundle)
    _delete_counts(path, but=counts)


def stage_bundle(home: Home, key: str, bundle: Bundle) -> None:
    """Durably write what a bundle will be, beside it: `put_staged` replaces it. Nobody reads it before."""
    path = bundle_path(home, key)
    _write(path, _staged(path), bundle)


def put_staged(home: Home, key: str) -> None:
    """Replace a bundle by what was staged for it. May be repeated: then it is in place already."""
    path = bundle_path(home, key)
    if _staged(path).exists():
        os.replace(_staged(path), path)  # noqa: PTH105 - os.replace is the step that fault-injection tests count
        fsync_folder(path.parent)
    if path.exists():
        _delete_counts(path, but=read_header(path, read_lines(path)).counts)


def drop_staged(home: Home, keys: Collection[str]) -> None:
    """Delete what was staged for other bundles than these: a killed process left it."""
    kept = {_staged(bundle_path(home, key)) for key in keys}
    for path in folder_of(home).rglob(f"*{SUFFIX}.new"):
        if path not in kept:
            path.unlink()


def _staged(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _write(path: Path, target: Path, bundle: Bundle) -> str:
    """Write the bundle of a path to a target, and its counts; returns the name of their file."""
    stem = path.name.removesuffix(SUFFIX)
    counts = ""
    if len(bundle.counts):
        table = bundle.counts.sort("segment", "hour", "device_id")
        counts = f"{stem}.{hashlib.sha256(str(table.hash_rows().sum()).encode()).hexdigest()[:8]}.parquet"
        write_counts(path.parent / counts, table)
    manifests = sorted(bundle.manifests.values(), key=lambda each: (each.written_at, each.segment))
    compactions = sorted(bundle.compactions.values(), key=lambda each: (each.written_at, each.name))
    lines = [msgspec.json.encode(BundleHeader(counts=counts))]
    lines += [b"m" + msgspec.json.encode(each) for each in manifests]
    lines += [b"c" + msgspec.json.encode(each) for each in compactions]
    write_file(target, zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(b"\n".join(lines)))
    return counts


def delete_bundle(home: Home, key: str) -> None:
    """Delete a bundle with its counts."""
    path = bundle_path(home, key)
    path.unlink(missing_ok=True)
    if path.parent.exists():
        _delete_counts(path, but="")
        fsync_folder(path.parent)
        if path.parent != folder_of(home) and not any(path.parent.iterdir()):
            path.parent.rmdir()


def delete_hours(home: Home, day: str) -> None:
    """Delete what is left of the bundles of the hours of a day that has a bundle of its own."""
    folder = folder_of(home) / day
    if folder.exists():
        for path in sorted(folder.iterdir(), reverse=True):
            path.unlink()
        fsync_folder(folder)
        folder.rmdir()


def _delete_counts(path: Path, but: str) -> None:
    for other in path.parent.glob(f"{path.name.removesuffix(SUFFIX)}.*.parquet"):
        if other.name != but:
            other.unlink()
