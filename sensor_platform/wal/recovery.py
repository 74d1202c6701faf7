"""Recovery after a kill: `.open` segments are cut after what counts and sealed.

What a group commit wrote without its fsync was never acknowledged: it is a torn tail, also where a power cut kept a
later page of it and not an earlier one. What was fsynced is kept to the last byte: what is not whole there is damage,
which stays in the file, so that readers report it. Two things show how far a segment was fsynced: the committed offset,
and a whole frame that is the first of a later commit.
"""

import contextlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

from sensor_platform.kernel.durable import write_file
from sensor_platform.wal.committed_offset import read_committed_offset
from sensor_platform.wal.frames import HEAD_BYTES, FrameKind, begins_group
from sensor_platform.wal.segment_name import parse_name
from sensor_platform.wal.segment_reader import DamagedBytes, Frame, read_frames
from sensor_platform.wal.segment_writer import delete_segment, extend_file, seal_file

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """One segment after recovery."""

    path: Path | None
    """The sealed segment, or None where it held no message and was deleted."""
    kept_bytes: int
    cut_bytes: int
    """Torn tail: bytes of a write that was never acknowledged."""
    damage: tuple[DamagedBytes, ...]
    """Damaged ranges of what was fsynced; they stay in the file and readers report them."""


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


@dataclass(slots=True)
class _Content:
    """What is in an open segment."""

    damage: list[DamagedBytes] = field(default_factory=list)
    """Ranges that are not whole frames although one follows."""
    end: int = 0
    """Offset of the end of the last whole frame."""
    messages_from: int = 0
    """End of the first whole frame that is not a header; 0 without one."""
    groups: list[int] = field(default_factory=list)
    """Where the first frames of commits start."""
    says_groups: bool = True
    """Whether every whole frame says if it is the first of a commit. Those of earlier versions do not."""


def _recover_segment(path: Path, sealed: Path) -> Recovered:
    """Cut one `.open` segment after what counts, and seal it."""
    size = path.stat().st_size
    content = _read(path)
    fsynced = _fsynced(path, size)
    unproved = _unproved(content, fsynced)
    kept = max(content.end if unproved is None else unproved, fsynced)
    if unproved is not None:
        _put_aside(path, kept, sealed)
    damage = [found for found in content.damage if found.offset < kept]
    if fsynced > content.end:
        damage.append(DamagedBytes(content.end, fsynced - content.end))
        extend_file(path, fsynced)  # bytes that the file system lost: they are counted as damage too
    has_messages = 0 < content.messages_from <= kept
    if not has_messages and not damage:
        delete_segment(path)
        return Recovered(None, 0, size, ())
    return Recovered(seal_file(path, kept, sealed), kept, max(0, size - kept), tuple(damage))


def _read(path: Path) -> _Content:
    content = _Content()
    with path.open("rb") as file:
        for frame in read_frames(path, damage=content.damage):
            content.end = frame.end
            if frame.kind == FrameKind.HEADER:
                continue
            content.messages_from = content.messages_from or frame.end
            start = _start(frame)
            file.seek(start)
            is_first = begins_group(file.read(HEAD_BYTES))
            content.says_groups &= is_first is not None
            if is_first:
                content.groups.append(start)
    content.damage = [found for found in content.damage if found.offset < content.end]
    return content


def _start(frame: Frame) -> int:
    return frame.end - len(frame.body) - HEAD_BYTES


def _fsynced(path: Path, size: int) -> int:
    """How far the segment was fsynced at least, by the committed offset of its collector."""
    name = parse_name(path.stem)
    mark = read_committed_offset(path.parent, name.collector) if name else None
    if mark is None or name is None:
        return 0
    if mark.segment == path.stem:
        return mark.offset
    newest = parse_name(mark.segment)
    # a writer cuts its earlier segments to what was committed before it commits to another one
    return size if newest is not None and name < newest else 0


def _unproved(content: _Content, fsynced: int) -> int | None:
    """Where the first damage starts that may be the torn write of a power cut; None without one."""
    if not content.says_groups or not content.damage:
        return None
    # the header is fsynced with the first group only
    groups = content.groups[1:] if content.damage[0].offset == 0 else content.groups
    proved = max([fsynced, *groups])
    return next((found.offset for found in content.damage if found.offset >= proved), None)


def _put_aside(path: Path, start: int, sealed: Path) -> None:
    """Keep what is cut although whole frames are in it. It was never acknowledged, so a full disk may refuse it."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(start)
        write_file(sealed.parent / "aside" / f"{path.stem}.{start}.unacknowledged", file.read())
        log.warning("%s: a write that was never acknowledged is torn at byte %d; its rest is in aside/", path, start)
