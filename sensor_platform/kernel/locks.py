"""Lock files: a lock that the operating system releases when its holder ends, however it ends.

The file itself stays. Whoever holds the lock can sign the file, for those who find it held.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from sensor_platform.kernel.durable import write_all

_LONGEST_SIGNATURE = 4096


class LockHeld(Exception):
    """Another process, or another LockFile of this one, holds the lock."""

    def __init__(self, path: Path, signature: str) -> None:
        """Keeps the signature.

        Args:
            path: the lock file.
            signature: what the holder wrote; empty in the instant between the lock and the signature.
        """
        super().__init__(f"{path} is locked by {signature or 'another process'}")
        self.signature = signature


class LockFile:
    """An open lock file, not locked yet; leaving the context releases the lock. Child processes do not inherit it."""

    def __init__(self, path: Path) -> None:
        """Open the file; it and its folder are created where they are missing.

        Raises:
            OSError: it cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self, *, wait: bool = False) -> None:
        """Lock for this holder alone.

        Raises:
            LockHeld: another holds it, and `wait` is false.
        """
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockHeld(self._path, _signature(self._fd)) from error

    def sign(self, text: str) -> None:
        """Replace the content of the file."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        write_all(self._fd, text.encode())

    def close(self) -> None:
        """Release the lock."""
        os.close(self._fd)


def lock_holder(path: Path, *, shared: bool = False) -> str | None:
    """The signature of who holds a lock now, or None where nobody does. It may change at once.

    Args:
        path: the lock file; it need not exist.
        shared: look with a shared lock. Looks then do not see each other, and the file need not be writable.
    """
    try:
        fd = os.open(path, (os.O_RDONLY if shared else os.O_RDWR) | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return _signature(fd)
    finally:
        os.close(fd)
    return None


def _signature(fd: int) -> str:
    return os.pread(fd, _LONGEST_SIGNATURE, 0).decode(errors="replace").strip()
