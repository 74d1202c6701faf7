"""One segment being written: append, fsync, seal by rename. Only `wal.writer` and `wal.recovery` use this module.

After any OSError a `SegmentWriter` is finished: after a failed fsync the page cache cannot be trusted. Its file is then
cut back to the committed size, and what was not committed goes into a new segment.
"""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from sensor_platform.kernel.durable import flush, fsync_folder, write_all
from sensor_platform.wal.frames import Buffer, Header, encode_header


class SegmentWriter:
    """One `.open` segment. Not thread-safe. Every method raises the OSError of the disk."""

    def __init__(self, folder: Path, header: Header) -> None:
        """Create `<segment>.open` with its header; its folder entry is durable when this returns."""
        self.name = header.segment
        self.path = folder / f"{header.segment}.open"
        self.size = 0
        """Bytes written, committed or not."""
        self.committed = 0
        """Bytes that were written before the last successful fsync."""
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            self.append((encode_header(header),))
            fsync_folder(folder)
        except BaseException:
            self.close()
            raise

    def append(self, frames: Sequence[Buffer]) -> None:
        """Write frames with one system call; they are safe only after `commit`."""
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        write_all(self._fd, data if isinstance(data, bytes) else memoryview(data))
        self.size += len(data)

    def commit(self) -> int:
        """Fsync; returns the committed offset."""
        flush(self._fd)
        self.committed = self.size
        return self.committed

    def seal(self) -> Path:
        """Close and seal what was committed. May be called again after an OSError."""
        self.close()
        return seal_file(self.path, self.committed)

    def close(self) -> None:
        """Close the file descriptor; the file stays."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):  # committed bytes were fsynced; an error of close adds nothing
                os.close(fd)


def seal_file(path: Path, size: int, folder: Path | None = None) -> Path:
    """Cut an `.open` segment to `size` bytes, fsync it and rename it to `.wal`, durably. May be repeated.

    Args:
        path: the `.open` file.
        size: bytes to keep.
        folder: where the sealed segment goes, on the same file system; the folder of `path` by default.
    """
    target = folder or path.parent
    sealed = target / f"{path.stem}.wal"
    if path.exists():
        cut_file(path, size)
        os.replace(path, sealed)  # noqa: PTH105 - os.replace is the step that fault-injection tests count
    fsync_folder(target)
    if target != path.parent:
        fsync_folder(path.parent)
    return sealed


def cut_file(path: Path, size: int) -> None:
    """Remove everything after `size` bytes, durably, through a new descriptor: one that has seen no error."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if os.fstat(fd).st_size > size:
            os.ftruncate(fd, size)
        flush(fd)
    finally:
        os.close(fd)


def extend_file(path: Path, size: int) -> None:
    """Fill up with zeros to `size` bytes; nothing is done to a file that has them."""
    if path.stat().st_size < size:
        os.truncate(path, size)


def delete_segment(path: Path) -> None:
    """Delete a segment durably: an `.open` one without a committed frame, or a sealed one that has been landed."""
    path.unlink(missing_ok=True)
    fsync_folder(path.parent)
