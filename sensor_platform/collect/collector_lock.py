"""One collector per home: a lock file that the operating system releases when its holder ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.locks import LockFile, LockHeld


@contextmanager
def collector_lock(wal: Path, who: str) -> Iterator[None]:
    """Hold the lock of a home's collector.

    Args:
        wal: the home's `wal` folder; created where it is missing.
        who: one line that a second collector shows, for instance name and process id.

    Raises:
        WrongUse: another collector holds it, or the folder cannot be written.
    """
    try:
        lock = LockFile(wal / "collector.lock")
    except OSError as error:
        raise WrongUse(
            f"the data folder {wal.parent} cannot be written: {error.strerror}",
            "set SENSOR_PLATFORM_HOME to a folder that this user may write",
        ) from error
    with lock:
        try:
            lock.take()
        except LockHeld as held:
            raise WrongUse(
                f"another collector already works on {wal.parent}: {held.signature or 'unknown'}",
                "stop it first, or give this one its own SENSOR_PLATFORM_HOME",
            ) from held
        lock.sign(f"{who}\n")
        yield
