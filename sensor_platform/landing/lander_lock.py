"""One lander per home: an flock that ends with the process that holds it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sensor_platform.errors import Unreachable
from sensor_platform.home import Home

_LANDER = ".lander"


@contextmanager
def lander_lock(home: Home) -> Iterator[None]:
    """Hold the lander's lock.

    Raises:
        Unreachable: another lander holds it, or the folder cannot be written.
    """
    with _locked(
        home, _LANDER, "another lander (process {}) works on {}", "a collector lands by itself; stop it first"
    ):
        yield


def lander_of(home: Home) -> int | None:
    """Process id of the lander that works on a home now; None where there is none."""
    try:
        fd = os.open(home.ledger / _LANDER, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(fd, 32, 0) or b"0") or None  # a lander that has the lock and has not signed yet
    finally:
        os.close(fd)
    return None


@contextmanager
def changes_lock(home: Home) -> Iterator[None]:
    """Hold the lock of what lands without a segment: import and requeue. The lander may go on meanwhile.

    Raises:
        Unreachable: another process holds it, or the folder cannot be written.
    """
    with _locked(
        home, ".changes", "another import or requeue (process {}) works on {}", "wait for it to end, then try again"
    ):
        yield


@contextmanager
def _locked(home: Home, name: str, message: str, hint: str) -> Iterator[None]:
    path = home.ledger / name
    try:
        home.ledger.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Unreachable(
            f"cannot write {path}: {error.strerror}", "check the folder's rights and disk space"
        ) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
            raise Unreachable(message.format(holder, home.root), hint) from error
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(fd)
