"""Segments that one collector wrote before: sealed, or already in the raw archive."""

from collections.abc import Iterator
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.wal.segment_name import SegmentName, parse_name


def newest_segments_first(home: Home, collector: str) -> Iterator[Path]:
    """Sealed and archived segments of one collector, a day of the archive at a time; each segment once."""
    seen: set[SegmentName] = set()
    files = list(home.wal.glob("*.wal"))
    for day in sorted(home.raw.glob("*"), reverse=True):
        files += day.glob("*.zst")
        yield from _in_order(files, collector, seen)
        files = []
    yield from _in_order(files, collector, seen)


def current_path(path: Path) -> Path:
    """Where a segment is now: the lander of a killed collector may archive it while we look."""
    if path.exists() or path.suffix == ".zst":
        return path
    archived = sorted(path.parent.parent.glob(f"raw/*/{path.stem}.zst"))
    return archived[0] if archived else path


def _in_order(files: list[Path], collector: str, seen: set[SegmentName]) -> Iterator[Path]:
    found = {name: path for path in files if (name := parse_name(path.stem)) and name.collector == collector}
    for name in sorted(found.keys() - seen, reverse=True):
        seen.add(name)
        yield found[name]
