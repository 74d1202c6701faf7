"""Recovery after a kill: `.open` segments are cut after their last whole frame and sealed."""

from dataclasses import dataclass
from pathlib import Path

from sensor_platform.wal.frames import FrameKind
from sensor_platform.wal.segment_name import parse_name
from sensor_platform.wal.segment_reader import DamagedBytes, read_frames
from sensor_platform.wal.segment_writer import delete_segment, seal_file


@dataclass(frozen=True, slots=True)
class Recovered:
    """One segment after recovery."""

    path: Path | None
    """The sealed segment, or None where it held no message and was deleted."""
    kept_bytes: int
    cut_bytes: int
    """Torn tail: bytes of a write that was never acknowledged."""
    damage: tuple[DamagedBytes, ...]
    """Damaged ranges before the last whole frame; they stay in the file and readers report them."""


def recover_segments(folder: Path, sealed: Path | None = None, collector: str | None = None) -> list[Recovered]:
    """Seal every `.open` segment of a folder. Only for the process that holds the lock of the segments.

    Args:
        folder: has the `.open` segments.
        sealed: where sealed segments go; `folder` by default.
        collector: recover only its segments; by default those of all collectors.

    Raises:
        OSError: the disk fails now; nothing is lost, call again.
    """
    target = sealed or folder
    moved_later = () if target == folder else folder.glob("*.wal")  # an earlier version sealed first and moved then
    found = sorted([*folder.glob("*.open"), *moved_later])
    return [_recover_segment(path, target) for path in found if collector is None or _is_of(collector, path)]


def _is_of(collector: str, path: Path) -> bool:
    name = parse_name(path.stem)
    return name is not None and name.collector == collector


def _recover_segment(path: Path, sealed: Path) -> Recovered:
    """Cut one `.open` segment after its last whole frame and seal it."""
    size = path.stat().st_size
    kept, batches = 0, 0
    damage: list[DamagedBytes] = []
    for frame in read_frames(path, damage=damage):
        kept = frame.end
        batches += frame.kind != FrameKind.HEADER
    damage = [found for found in damage if found.offset < kept]
    if not batches:
        delete_segment(path)
        return Recovered(None, 0, size, ())
    return Recovered(seal_file(path, kept, sealed), kept, size - kept, tuple(damage))
