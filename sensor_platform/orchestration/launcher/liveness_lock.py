"""Whether the process of a run is alive.

Dagster cannot know after a reboot, and a run that seems to be in flight blocks its lane. So each run holds a lock file,
which the kernel releases however the process ends.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.kernel.locks import LockFile, lock_holder


@contextlib.contextmanager
def alive(home: Home, run_id: str) -> Iterator[None]:
    """Mark run `run_id` as alive while the body runs."""
    path = _path(home, run_id)
    with LockFile(path) as lock:
        try:
            lock.take()
            lock.sign(str(os.getpid()))
            yield
        finally:
            path.unlink(missing_ok=True)


def is_alive(home: Home, run_id: str) -> bool:
    """Whether a process is inside `alive(home, run_id)`."""
    return lock_holder(_path(home, run_id)) is not None


def was_killed(home: Home, run_id: str) -> bool:
    """Whether a process ended inside `alive(home, run_id)`: its lock is free, and its file was not deleted."""
    return _path(home, run_id).exists() and not is_alive(home, run_id)


def process_of(home: Home, run_id: str) -> int | None:
    """Process id of a run that is alive; None for another run."""
    if not is_alive(home, run_id):
        return None
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(_path(home, run_id).read_text())
    return None


def _path(home: Home, run_id: str) -> Path:
    return home.dagster / "alive" / run_id
