"""The writer lock: one process at a time may write the warehouse; an error names the holder.

Every writer takes it around work list, dbt, state and publish (Dagster runs, backfills, `dagster asset materialize`,
`sensor-platform dbt` and `publish`). The kernel releases it when the holder ends, however it ends.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.locks import LockFile, LockHeld, lock_holder

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
    with _open(_path(home)) as lock:
        _wait(lock, clock() + wait_seconds, clock)
        lock.sign(msgspec.json.encode(Holder(pid=os.getpid(), what=what, since=datetime.now(UTC))).decode())
        try:
            yield
        finally:
            lock.sign("")


def holder(home: Home) -> Holder | None:
    """The present holder of the writer lock, or None; it may change at any time."""
    signature = lock_holder(_path(home))
    return None if signature is None else _holder(signature)


def _path(home: Home) -> Path:
    return home.warehouse / ".writer"


def _open(path: Path) -> LockFile:
    try:
        return LockFile(path)
    except OSError as error:
        raise WrongUse(
            f"cannot write in {path.parent}: {error.strerror}", "check SENSOR_PLATFORM_HOME and its permissions"
        ) from error


def _wait(lock: LockFile, deadline: float, clock: Callable[[], float]) -> None:
    while True:
        try:
            lock.take()
        except LockHeld as held:
            if clock() >= deadline:
                raise Unreachable(
                    _busy(_holder(held.signature)),
                    "try again when it has finished, or raise warehouse.lock_wait_seconds",
                ) from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _busy(found: Holder | None) -> str:
    if found is None:
        return "the warehouse is being written by another process"
    since = f"{found.since:%Y-%m-%d %H:%M:%S} UTC"
    return f"the warehouse is being written by process {found.pid} ({found.what}) since {since}"


def _holder(signature: str) -> Holder | None:
    """Who signed the lock file; None in the instant between the lock and the signature."""
    try:
        return msgspec.json.decode(signature, type=Holder)
    except msgspec.DecodeError:
        return None
