"""Files that survive a power cut: written beside, fsynced, renamed, folder fsynced. The one way to a durable file.

What does not belong here: the collector's WAL, which appends and has an order of its own.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from sensor_platform.kernel.temporary_files import temporary_path

_CHUNK = 1 << 20
_FULL_FSYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)


def flush(fd: int) -> None:
    """Bring a file or folder to the disk itself.

    On macOS fsync alone stops at the drive's cache, which a power cut empties; not every file system there can do more.
    """
    if _FULL_FSYNC is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, _FULL_FSYNC)
            return
    os.fsync(fd)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write every byte. An unbuffered write can return short without raising (nearly full disk, signals)."""
    view = memoryview(data)
    while view:
        written = os.write(fd, view)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = view[written:]


def fsync_folder(folder: Path) -> None:
    """Make renames and unlinks in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flush(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is fsynced and renamed over `path`, on error removed.

    Temporary names end in `.tmp`: whatever a kill leaves behind is recognised by that and may be deleted.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        yield temporary
        fd = os.open(temporary, os.O_RDONLY)
        try:
            flush(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)  # noqa: PTH105 - os.replace is the step that fault-injection tests count
        fsync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_file(path: Path, data: bytes) -> None:
    """Create or replace `path` with `data`, durably and atomically."""
    with replacing(path) as temporary:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            write_all(fd, data)
        finally:
            os.close(fd)


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file, read in 1 MiB pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
