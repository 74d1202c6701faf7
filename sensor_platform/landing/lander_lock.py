"""Locks of a home: one lander, and one change at a time. A lock ends with the process that holds it."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.kernel.locks import LockFile, LockHeld, lock_holder

_LANDER = ".lander"
_CHANGES = ".changes"
_POLL_SECONDS = 0.05
_HELD = threading.local()


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
    signature = lock_holder(home.ledger / _LANDER, shared=True)
    return int(signature) if signature else None  # empty: a lander that has the lock and has not signed yet


@contextmanager
def changes_lock(home: Home, what: str = "change", *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock of everything that changes what has landed. The lander may go on meanwhile.

    These are import, requeue, drop, reland, mending, forgetting, housekeeping, retention and the rebuild of the ledger.
    Take it before the writer lock of the warehouse, never while holding that: docs/internals/ledger.md.

    Args:
        home: the data folder.
        what: what the holder does, for a person who waits.
        wait_seconds: how long to wait for another holder.

    Raises:
        Unreachable: another holds it, or the folder cannot be written.
    """
    message = "another import or requeue, or another change of landed data (process {}), works on {}"
    with _locked(home, _CHANGES, message, "wait for it to end, then try again", what, wait_seconds):
        _HELD.paths = {*_held(), _path_of(home)}
        try:
            yield
        finally:
            _HELD.paths = _held() - {_path_of(home)}


@contextmanager
def with_changes_lock(home: Home, what: str) -> Iterator[None]:
    """Hold the lock of changes while the body runs, unless this thread has it already.

    Raises:
        Unreachable: another holds it, or the folder cannot be written.
    """
    if _path_of(home) in _held():
        yield
    else:
        with changes_lock(home, what):
            yield


def _held() -> frozenset[Path]:
    """Locks of changes that this thread holds."""
    return frozenset(getattr(_HELD, "paths", ()))


def _path_of(home: Home) -> Path:
    return home.ledger.absolute()


@contextmanager
def _locked(
    home: Home, name: str, message: str, hint: str, what: str = "", wait_seconds: float = 0.0
) -> Iterator[None]:
    path = home.ledger / name
    try:
        lock = LockFile(path)
    except OSError as error:
        raise Unreachable(
            f"cannot write {path}: {error.strerror}", "check the folder's rights and disk space"
        ) from error
    with lock:
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                lock.take()
                break
            except LockHeld as held:
                if time.monotonic() >= deadline:
                    raise Unreachable(message.format(held.signature or "unknown", home.root), hint) from held
            time.sleep(_POLL_SECONDS)
        lock.sign(f"{os.getpid()}, {what}" if what else str(os.getpid()))
        yield
