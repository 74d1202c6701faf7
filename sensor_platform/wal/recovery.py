"""What a killed collector left behind: `.open` segments are cut at their last whole frame and sealed."""

from dataclasses import dataclass
from pathlib import Path

from sensor_platform.wal.frames import FrameKind
from sensor_platform.wal.segment_reader import DamagedRange, read_frames
from sensor_platform.wal.segment_writer import discard_file, seal_file


@dataclass(frozen=True, slots=True)
class Recovered:
    """One segment after recovery."""

    path: Path | None
    """The sealed segment, or None where it held no message and was deleted."""
    kept_bytes: int
    cut_bytes: int
    """Torn tail: bytes of a write that was never acknowledged."""
    damage: tuple[DamagedRange, ...]
    """Damaged ranges before the last whole frame; they stay in the file and readers report them."""


def recover_segments(wal: Path) -> list[Recovered]:
    """Seal every `.open` segment of a folder. Only for the process that holds the collector's lock.

    Raises:
        OSError: the disk does not allow it now; nothing is lost, call again.
    """
    return [recover_segment(path) for path in sorted(wal.glob("*.open"))]


def recover_segment(path: Path) -> Recovered:
    """Cut one `.open` segment at its last whole frame and seal it."""
    size = path.stat().st_size
    kept, batches = 0, 0
    damage: list[DamagedRange] = []
    for frame in read_frames(path, damage=damage):
        kept = frame.end
        batches += frame.kind != FrameKind.HEADER
    damage = [found for found in damage if found.offset < kept]
    if not batches:
        discard_file(path)
        return Recovered(None, 0, size, ())
    return Recovered(seal_file(path, kept), kept, size - kept, tuple(damage))
