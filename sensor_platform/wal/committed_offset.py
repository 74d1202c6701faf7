"""The committed offset: how far a segment is safe to read while its collector still writes it.

It is a file of fixed size that is overwritten in place about a hundred times a second, so it is neither renamed nor
fsynced. Only readers on the running machine use it. After a power cut the checksums of the frames show what is whole.
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
    """The writer of `<folder>/<collector>.committed`."""

    def __init__(self, folder: Path, collector: str) -> None:
        self._fd = os.open(committed_path(folder, collector), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def publish(self, segment: str, offset: int) -> None:
        """Let readers read `segment` up to `offset`."""
        line = f"{segment} {offset}"
        os.pwrite(self._fd, f"{line} {zlib.crc32(line.encode()):08x}".ljust(_SIZE - 1).encode() + b"\n", 0)

    def close(self) -> None:
        """Close the file descriptor; the file stays."""
        os.close(self._fd)


def committed_path(folder: Path, collector: str) -> Path:
    """The file that holds the committed offset of a collector."""
    return folder / f"{collector}.committed"


def read_committed_offset(folder: Path, collector: str) -> CommittedOffset | None:
    """The offset as last published; None before the first, and while it is being overwritten."""
    try:
        words = committed_path(folder, collector).read_text().split()
    except FileNotFoundError:
        return None
    if len(words) != 3 or f"{zlib.crc32(' '.join(words[:2]).encode()):08x}" != words[2]:
        return None
    return CommittedOffset(words[0], int(words[1]))
