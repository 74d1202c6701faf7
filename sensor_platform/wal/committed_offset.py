"""The committed mark: how far a segment is safe to read while the collector still writes it.

A file of fixed size, overwritten in place about a hundred times a second, so it is neither renamed nor fsynced: it is
for readers of the running machine. After a power cut the frames themselves say what is whole.
"""

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

_SIZE = 256


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """Everything before `offset` of the (uncompressed) segment has been fsynced."""

    segment: str
    offset: int


class CommittedOffsetFile:
    """Writer's end of `wal/<collector>.committed`."""

    def __init__(self, wal: Path, collector: str) -> None:
        self._fd = os.open(committed_path(wal, collector), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def publish(self, segment: str, offset: int) -> None:
        """Tell readers that `segment` is safe up to `offset`."""
        line = f"{segment} {offset}"
        os.pwrite(self._fd, f"{line} {zlib.crc32(line.encode()):08x}".ljust(_SIZE - 1).encode() + b"\n", 0)

    def close(self) -> None:
        """Give up the file descriptor; the mark stays."""
        os.close(self._fd)


def committed_path(wal: Path, collector: str) -> Path:
    """Where a collector publishes its mark."""
    return wal / f"{collector}.committed"


def read_committed_offset(wal: Path, collector: str) -> CommittedOffset | None:
    """The mark as last published; None before the first, and for the instant in which it is being overwritten."""
    try:
        words = committed_path(wal, collector).read_text().split()
    except FileNotFoundError:
        return None
    if len(words) != 3 or f"{zlib.crc32(' '.join(words[:2]).encode()):08x}" != words[2]:
        return None
    return CommittedOffset(words[0], int(words[1]))
