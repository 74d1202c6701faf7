"""One lander per home: an flock that ends with the process that holds it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.kernel.locks import LockFile, LockHeld, lock_holder

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
    signature = lock_holder(home.ledger / _LANDER, shared=True)
    return int(signature) if signature else None  # empty: a lander that has the lock and has not signed yet


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
        lock = LockFile(path)
    except OSError as error:
        raise Unreachable(
            f"cannot write {path}: {error.strerror}", "check the folder's rights and disk space"
        ) from error
    with lock:
        try:
            lock.take()
        except LockHeld as held:
            raise Unreachable(message.format(held.signature or "unknown", home.root), hint) from held
        lock.sign(str(os.getpid()))
        yield
