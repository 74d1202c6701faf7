"""The writer lock: one process at a time may write the warehouse, and whoever waits is told who holds it.

Taken around work list, dbt, state and publish by every writer (Dagster runs, backfills, `dagster asset materialize`,
`sensor-platform dbt` and `publish`). The kernel releases it when the holder ends, however it ends.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_all

_POLL_SECONDS = 0.05


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the lock: written into the lock file by the holder, read by those who wait."""

    pid: int
    what: str
    """What the holder is doing, for a person: `build 2026-01-01..2026-01-07`."""
    since: datetime
    """Aware UTC."""


@contextlib.contextmanager
def writer_lock(
    home: Home, what: str, *, wait_seconds: float, clock: Callable[[], float] = time.monotonic
) -> Iterator[None]:
    """Hold the writer lock of `home` while the body runs.

    Raises:
        Unreachable: another process held it for all of `wait_seconds`; the message names it.
        WrongUse: the warehouse folder cannot be written.
    """
    fd = _open(home.warehouse / ".writer")
    try:
        _wait(fd, clock() + wait_seconds, clock)
        _sign(fd, Holder(pid=os.getpid(), what=what, since=datetime.now(UTC)))
        try:
            yield
        finally:
            os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def holder(home: Home) -> Holder | None:
    """Who holds the writer lock now, or None. A look, not a promise: it may change at once."""
    try:
        fd = os.open(home.warehouse / ".writer", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(fd)
    finally:
        os.close(fd)
    return None


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise WrongUse(
            f"cannot write in {path.parent}: {error.strerror}", "check SENSOR_PLATFORM_HOME and its permissions"
        ) from error


def _wait(fd: int, deadline: float, clock: Callable[[], float]) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock() >= deadline:
                raise Unreachable(
                    _busy(_read(fd)), "try again when it has finished, or raise warehouse.lock_wait_seconds"
                ) from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _busy(found: Holder | None) -> str:
    if found is None:
        return "the warehouse is being written by another process"
    since = f"{found.since:%Y-%m-%d %H:%M:%S} UTC"
    return f"the warehouse is being written by process {found.pid} ({found.what}) since {since}"


def _sign(fd: int, found: Holder) -> None:
    os.ftruncate(fd, 0)
    os.lseek(fd, 0, os.SEEK_SET)
    write_all(fd, msgspec.json.encode(found))


def _read(fd: int) -> Holder | None:
    """The signature in the lock file; None in the instant between the lock and the signature."""
    try:
        return msgspec.json.decode(os.pread(fd, 4096, 0), type=Holder)
    except msgspec.DecodeError:
        return None
