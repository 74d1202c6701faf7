"""Bundles: the manifests of one hour of commits, later of one day, in one file; counts of devices in Parquet beside it.

`ledger/bundles/<key>.jsonl.zst`: a header, then one manifest in each line, by commit time. The key is a day
(`2026-03-01`) or an hour of it (`2026-03-01/13`). The header names the file of the counts, so that replacing the bundle
replaces both at once.
"""

import functools
import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import polars as pl
import zstandard

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.kernel.durable import fsync_folder, write_file
from sensor_platform.landing.ledger.manifest import CompactionManifest, Manifest, check_format
from sensor_platform.landing.manifests.counts_table import (
    SCHEMA,
    counts_table,
    device_counts,
    read_counts,
    write_counts,
)

_LEVEL = 9
_SUFFIX = ".jsonl.zst"


class BundleHeader(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a bundle."""

    format: int = 2
    counts: str = ""
    """Name of the file with the counts of its manifests, in the same folder; empty where there are none."""


@dataclass(slots=True)
class Bundle:
    """Manifests without their counts, by name, and the counts."""

    manifests: dict[str, Manifest] = field(default_factory=dict)
    compactions: dict[str, CompactionManifest] = field(default_factory=dict)
    counts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SCHEMA))

    def add(self, manifests: Sequence[Manifest]) -> None:
        """Add commits with their counts, or replace them."""
        names = [manifest.segment for manifest in manifests]
        self.remove(names)
        self.manifests.update((each.segment, msgspec.structs.replace(each, counts=())) for each in manifests)
        self.counts = pl.concat([self.counts, counts_table(manifests)])

    def change(
        self, names: Collection[str], devices: Collection[str], change: Callable[[Manifest], Manifest]
    ) -> list[tuple[Manifest, Manifest]]:
        """Change commits that are in it; returns each before and after.

        Args:
            names: of the commits.
            devices: whose counts change; the manifests that `change` gets and returns have these only.
            change: makes the manifest as it is afterwards.
        """
        is_changed = pl.col("segment").is_in(list(names)) & pl.col("device_id").is_in(list(devices))
        parts = self.counts.filter(is_changed).partition_by("segment", as_dict=True)
        rows = {str(name): device_counts(part) for (name,), part in parts.items()}
        olds = [msgspec.structs.replace(self.manifests[name], counts=rows.get(name, ())) for name in sorted(names)]
        pairs = [(old, change(old)) for old in olds]
        news = [new for _, new in pairs]
        self.manifests.update((new.segment, msgspec.structs.replace(new, counts=())) for new in news)
        self.counts = pl.concat([self.counts.filter(~is_changed), counts_table(news)])
        return pairs

    def remove(self, names: Sequence[str]) -> None:
        """Take out commits and compactions, where they are in it."""
        if known := [name for name in names if name in self.manifests]:
            self.counts = self.counts.filter(~pl.col("segment").is_in(known))
        for name in names:
            self.manifests.pop(name, None)
            self.compactions.pop(name, None)


def hour_key(at: int) -> str:
    """Key of the hour of a time, microseconds since the epoch, UTC."""
    return f"{utc_from_micros(at):%Y-%m-%d/%H}"


def day_key(at: int) -> str:
    """Key of the UTC day of a time."""
    return f"{utc_from_micros(at):%Y-%m-%d}"


def folder_of(home: Home) -> Path:
    """Folder of the bundles."""
    return home.ledger / "bundles"


def bundle_path(home: Home, key: str) -> Path:
    """Path of a bundle."""
    return folder_of(home) / f"{key}{_SUFFIX}"


def bundle_keys(home: Home, since: str = "") -> list[str]:
    """Keys of all bundles in order of time, of the day `since` and later.

    Hours of a day with a bundle of its own are left out: they are left over from its making.
    """
    folder = folder_of(home)
    days = {path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}")}
    hours = {
        f"{path.parent.name}/{path.name.removesuffix(_SUFFIX)}"
        for path in folder.glob(f"*/*{_SUFFIX}")
        if path.parent.name not in days
    }
    return sorted(key for key in days | hours if key >= since)


def hours_of(home: Home, day: str) -> list[str]:
    """Keys of the hours of a day that have a bundle."""
    return sorted(f"{day}/{path.name.removesuffix(_SUFFIX)}" for path in folder_of(home).glob(f"{day}/*{_SUFFIX}"))


def read_bundle(home: Home, key: str) -> Bundle:
    """A whole bundle, empty where there is none.

    Raises:
        CheckFailed: it is damaged.
        WrongUse: it is of a newer version.
    """
    bundle = Bundle()
    path = bundle_path(home, key)
    if not path.exists():
        return bundle
    lines = _lines(path)
    header = _header(path, lines)
    for line in lines:
        found = _decode(path, line)
        if isinstance(found, Manifest):
            bundle.manifests[found.segment] = found
        else:
            bundle.compactions[found.name] = found
    if header.counts:
        bundle.counts = read_counts(path.parent / header.counts)
    return bundle


def bundled_manifests(home: Home, key: str) -> Iterator[Manifest]:
    """The manifests of a bundle with their counts, one at a time, by commit time."""
    path = bundle_path(home, key)
    lines = _lines(path)
    header = _header(path, lines)
    parts = _parts(path, header)
    for line in lines:
        if line.startswith(b"m"):
            manifest = _decode(path, line)
            assert isinstance(manifest, Manifest)
            rows = parts.pop(manifest.segment, None)
            yield manifest if rows is None else msgspec.structs.replace(manifest, counts=device_counts(rows))


def bundled_compactions(home: Home, key: str) -> Iterator[CompactionManifest]:
    """The compactions of a bundle, one at a time."""
    path = bundle_path(home, key)
    lines = _lines(path)
    _header(path, lines)
    for line in lines:
        if line.startswith(b"c"):
            found = _decode(path, line)
            assert isinstance(found, CompactionManifest)
            yield found


def names_with(home: Home, key: str, words: Sequence[bytes]) -> list[str]:
    """Segments whose manifest in a bundle holds one of the words, as JSON has them."""
    path = bundle_path(home, key)
    lines = _lines(path)
    _header(path, lines)
    some = (_decode(path, line) for line in lines if line.startswith(b"m") and any(word in line for word in words))
    return [each.segment for each in some if isinstance(each, Manifest)]


def segments_counting(home: Home, key: str, devices: Collection[str]) -> list[str]:
    """Segments of a bundle that have counts of one of the devices."""
    path = bundle_path(home, key)
    header = _header(path, _lines(path))
    if not header.counts:
        return []
    table = pl.scan_parquet(path.parent / header.counts, hive_partitioning=False)
    found = table.filter(pl.col("device_id").is_in(list(devices))).select("segment").unique().collect()
    return found["segment"].to_list()


def find_bundled(home: Home, key: str, segment: str) -> Manifest | None:
    """The manifest of one segment in a bundle, with its counts. The bundle of the last call stays in memory."""
    path = bundle_path(home, key)
    if not path.exists():
        return None
    manifests, parts = _opened(path, path.stat().st_mtime_ns)
    manifest, rows = manifests.get(segment), parts.get(segment)
    if manifest is None or rows is None:
        return manifest
    return msgspec.structs.replace(manifest, counts=device_counts(rows))


@functools.lru_cache(maxsize=1)
def _opened(path: Path, changed: int) -> tuple[dict[str, Manifest], dict[str, pl.DataFrame]]:  # noqa: ARG001 - a part of the key
    """Manifests and counts of a bundle by segment; `changed` is the time of the file."""
    lines = _lines(path)
    header = _header(path, lines)
    some = (_decode(path, line) for line in lines if line.startswith(b"m"))
    manifests = {each.segment: each for each in some if isinstance(each, Manifest)}
    return manifests, _parts(path, header)


def _parts(path: Path, header: BundleHeader) -> dict[str, pl.DataFrame]:
    """Counts of a bundle by segment."""
    if not header.counts:
        return {}
    table = read_counts(path.parent / header.counts)
    return {str(name): rows for (name,), rows in table.partition_by("segment", as_dict=True).items()}


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
        _delete_counts(path, but=_header(path, _lines(path)).counts)


def drop_staged(home: Home, keys: Collection[str]) -> None:
    """Delete what was staged for other bundles than these: a killed process left it."""
    kept = {_staged(bundle_path(home, key)) for key in keys}
    for path in folder_of(home).rglob(f"*{_SUFFIX}.new"):
        if path not in kept:
            path.unlink()


def _staged(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _write(path: Path, target: Path, bundle: Bundle) -> str:
    """Write the bundle of a path to a target, and its counts; returns the name of their file."""
    stem = path.name.removesuffix(_SUFFIX)
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
    for other in path.parent.glob(f"{path.name.removesuffix(_SUFFIX)}.*.parquet"):
        if other.name != but:
            other.unlink()


def _lines(path: Path) -> Iterator[bytes]:
    rest = b""
    try:
        with path.open("rb") as file:
            for piece in zstandard.ZstdDecompressor().read_to_iter(file):
                *whole, rest = (rest + piece).split(b"\n")
                yield from whole
    except zstandard.ZstdError as error:
        raise _damaged(path, error) from error
    yield rest


def _header(path: Path, lines: Iterable[bytes]) -> BundleHeader:
    try:
        header = msgspec.json.decode(next(iter(lines)), type=BundleHeader)
    except (msgspec.DecodeError, StopIteration) as error:
        raise _damaged(path, error) from error
    check_format(path, header.format)
    return header


def _decode(path: Path, line: bytes) -> Manifest | CompactionManifest:
    try:
        if line.startswith(b"m"):
            return msgspec.json.decode(line[1:], type=Manifest)
        return msgspec.json.decode(line[1:], type=CompactionManifest)
    except msgspec.DecodeError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> CheckFailed:
    return CheckFailed(f"{path} is not a bundle of manifests: {error}", "restore it from a backup of the home")
