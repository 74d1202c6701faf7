"""Bundles: the manifests of one hour of commits, later of one day, in one file; counts of devices in Parquet beside it.

`ledger/bundles/<key>.jsonl.zst`: a header, then one manifest in each line, by commit time. The key is a day
(`2026-03-01`) or an hour of it (`2026-03-01/13`). The header names the file of the counts, so that replacing the bundle
replaces both at once.
"""

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import polars as pl
import zstandard

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.landing.ledger.manifest import CompactionManifest, Manifest, check_format
from sensor_platform.landing.manifests.bundle_paths import bundle_path
from sensor_platform.landing.manifests.counts_table import (
    SCHEMA,
    counts_table,
    device_counts,
    read_counts,
)


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
    lines = read_lines(path)
    header = read_header(path, lines)
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
    lines = read_lines(path)
    header = read_header(path, lines)
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
    lines = read_lines(path)
    read_header(path, lines)
    for line in lines:
        if line.startswith(b"c"):
            found = _decode(path, line)
            assert isinstance(found, CompactionManifest)
            yield found


def names_with(home: Home, key: str, words: Sequence[bytes]) -> list[str]:
    """Segments whose manifest in a bundle holds one of the words, as JSON has them."""
    path = bundle_path(home, key)
    lines = read_lines(path)
    read_header(path, lines)
    some = (_decode(path, line) for line in lines if line.startswith(b"m") and any(word in line for word in words))
    return [each.segment for each in some if isinstance(each, Manifest)]


def segments_counting(home: Home, key: str, devices: Collection[str]) -> list[str]:
    """Segments of a bundle that have counts of one of the devices."""
    path = bundle_path(home, key)
    header = read_header(path, read_lines(path))
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
    lines = read_lines(path)
    header = read_header(path, lines)
    some = (_decode(path, line) for line in lines if line.startswith(b"m"))
    manifests = {each.segment: each for each in some if isinstance(each, Manifest)}
    return manifests, _parts(path, header)


def _parts(path: Path, header: BundleHeader) -> dict[str, pl.DataFrame]:
    """Counts of a bundle by segment."""
    if not header.counts:
        return {}
    table = read_counts(path.parent / header.counts)
    return {str(name): rows for (name,), rows in table.partition_by("segment", as_dict=True).items()}


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a bundle, one at a time."""
    rest = b""
    try:
        with path.open("rb") as file:
            for piece in zstandard.ZstdDecompressor().read_to_iter(file):
                *whole, rest = (rest + piece).split(b"\n")
                yield from whole
    except zstandard.ZstdError as error:
        raise _damaged(path, error) from error
    yield rest


def read_header(path: Path, lines: Iterable[bytes]) -> BundleHeader:
    """The first of the lines of a bundle."""
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
