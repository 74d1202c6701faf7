"""One collector per home: an flock that the kernel gives back however the holder ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sensor_platform.errors import WrongUse


@contextmanager
def collector_lock(wal: Path, who: str) -> Iterator[None]:
    """Hold the lock of a home's collector.

    Args:
        wal: the home's `wal` folder; created where it is missing.
        who: one line that a second collector will show, for instance name and process id.

    Raises:
        WrongUse: another collector holds it, or the folder cannot be written.
    """
    try:
        wal.mkdir(parents=True, exist_ok=True)
        fd = os.open(wal / "collector.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise WrongUse(
            f"the data folder {wal.parent} cannot be written: {error.strerror}",
            "set SENSOR_PLATFORM_HOME to a folder that this user may write",
        ) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(fd, 4096, 0).decode("utf-8", "replace").strip() or "unknown"
            raise WrongUse(
                f"another collector already works on {wal.parent}: {holder}",
                "stop it first, or give this one its own SENSOR_PLATFORM_HOME",
            ) from error
        os.ftruncate(fd, 0)
        os.pwrite(fd, who.encode() + b"\n", 0)
        yield
    finally:
        os.close(fd)
