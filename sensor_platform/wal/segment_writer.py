"""Writing a segment: append, fsync, only then acknowledge; sealed by rename.

After any OSError the writer is finished: after a failed fsync the page cache cannot be trusted. Cut the file back with
`seal_file`, open a new segment and write what was not committed again.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from sensor_platform.kernel.durable import flush, fsync_folder, write_all
from sensor_platform.wal.frames import Header, Piece, encode_header


class SegmentWriter:
    """One `.open` segment. Not thread-safe. Raises OSError where the disk does."""

    def __init__(self, folder: Path, header: Header) -> None:
        """Create `<segment>.open` with its header; its folder entry is durable when this returns."""
        self.name = header.segment
        self.path = folder / f"{header.segment}.open"
        self.size = 0
        """Bytes written, committed or not."""
        self.committed = 0
        """Bytes that are on disk for sure."""
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            self.append((encode_header(header),))
            fsync_folder(folder)
        except BaseException:
            self.close()
            raise

    def append(self, frames: Sequence[Piece]) -> None:
        """Write frames in one go; they are safe only after `commit`."""
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        write_all(self._fd, data if isinstance(data, bytes) else memoryview(data))
        self.size += len(data)

    def commit(self) -> int:
        """Fsync; returns the committed offset."""
        flush(self._fd)
        self.committed = self.size
        return self.committed

    def seal(self) -> Path:
        """Hand the committed part over as `<segment>.wal`; may be called again after an OSError."""
        self.close()
        return seal_file(self.path, self.committed)

    def close(self) -> None:
        """Give up the file descriptor, keep the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):  # what counts was fsynced; an error of close adds nothing
                os.close(fd)


def seal_file(path: Path, size: int) -> Path:
    """Cut an `.open` segment to `size` bytes, fsync it, rename it to `.wal`, fsync the folder. May be repeated."""
    sealed = path.with_suffix(".wal")
    if path.exists():
        cut_file(path, size)
        os.replace(path, sealed)  # noqa: PTH105 - os.replace is the step that fault-injection tests count
    fsync_folder(path.parent)
    return sealed


def cut_file(path: Path, size: int) -> None:
    """Take everything after `size` bytes away, durably, through a descriptor that has seen no error."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if os.fstat(fd).st_size > size:
            os.ftruncate(fd, size)
        flush(fd)
    finally:
        os.close(fd)


def discard_file(path: Path) -> None:
    """Delete an `.open` segment in which nothing was ever committed."""
    path.unlink(missing_ok=True)
    fsync_folder(path.parent)
