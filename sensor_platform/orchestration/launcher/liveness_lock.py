"""Whether the process of a run still lives.

Dagster cannot tell after a reboot, and a run that seems to be in flight holds up its lane. So each run holds a lock
file while it lives, which the kernel lets go whatever happens.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from sensor_platform.home import Home


@contextlib.contextmanager
def alive(home: Home, run_id: str) -> Iterator[None]:
    """Show that run `run_id` lives, while the body runs."""
    path = _path(home, run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.write(fd, str(os.getpid()).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(fd)


def is_alive(home: Home, run_id: str) -> bool:
    """True while some process is inside `alive(home, run_id)`."""
    try:
        fd = os.open(_path(home, run_id), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def process_of(home: Home, run_id: str) -> int | None:
    """Process id of a run that lives."""
    if not is_alive(home, run_id):
        return None
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(_path(home, run_id).read_text())
    return None


def _path(home: Home, run_id: str) -> Path:
    return home.dagster / "alive" / run_id
