"""Verifies every file against its SHA-256 in the ledger. Damaged files are set aside, all others stay in use."""

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date

from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.integrity.damage import (
    DamagedFile,
    LedgerFile,
    damage_of,
    damaged_files,
    forget_if_gone,
    put_aside,
    restore_files,
)
from sensor_platform.landing.ledger.schema import open_ledger


@dataclass(frozen=True, slots=True)
class Verification:
    """Result of one verification."""

    files: int
    bytes: int
    damaged: tuple[DamagedFile, ...]
    """Files that this verification found damaged and set aside."""
    missed: tuple[DamagedFile, ...]
    """All files that are set aside and not restored, `damaged` included."""
    restored: tuple[str, ...] = ()
    """Files that were missing and are in use again."""


def verify(
    home: Home,
    now: int,
    days: tuple[date, date] | None = None,
    *,
    is_full: bool = True,
    only: Collection[str] | None = None,
    lock: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
) -> Verification:
    """Check files, set damaged ones aside, take restored ones back.

    Args:
        home: the data folder.
        now: microseconds since the epoch, UTC.
        days: days of arrival, both included; None for all.
        is_full: read every file; otherwise only new ones, and those whose time or size changed since verification.
        only: these files, relative to home.
        lock: what is held while files are set aside or taken back, and not while files are read.
    """
    if not home.ledger_file.exists():
        return Verification(0, 0, (), ())
    with open_ledger(home) as ledger:
        restored = _restore(home, ledger, lock)
        wanted = [
            known for known in _files(ledger) if _is_of(known.file, days) and (only is None or known.file in only)
        ]
        if not is_full:
            wanted = list(_unseen(home, ledger, wanted))
        found = [(known, damage_of(home.root / known.file, known)) for known in wanted]
        damaged = _put_aside(home, ledger, [(known, what) for known, what in found if what is not None], now, lock)
        _remember(home, ledger, [known for known, what in found if what is None], now)
        missed = damaged_files(ledger)
    total = sum(known.bytes for known in wanted)
    return Verification(len(wanted), total, tuple(damaged), tuple(missed), tuple(restored))


def _restore(
    home: Home, ledger: sqlite3.Connection, lock: Callable[[], contextlib.AbstractContextManager[object]]
) -> list[str]:
    if not any((home.root / each.file).exists() for each in damaged_files(ledger)):
        return []
    with lock():
        return restore_files(home, ledger)


def _put_aside(
    home: Home,
    ledger: sqlite3.Connection,
    found: list[tuple[LedgerFile, str]],
    now: int,
    lock: Callable[[], contextlib.AbstractContextManager[object]],
) -> list[DamagedFile]:
    """Set aside what is damaged, still visible, and still damaged: files were read while others wrote."""
    if not found:
        return []
    with lock():
        visible = set(_files(ledger))
        return [
            put_aside(home, ledger, known, what, now)
            for known, what in found
            if known in visible
            and damage_of(home.root / known.file, known) is not None
            and not forget_if_gone(ledger, known, what)
        ]


def _files(ledger: sqlite3.Connection) -> list[LedgerFile]:
    rows = ledger.execute(
        "select file, segment, kind, rows, bytes, sha256 from files where replaced_at is null order by file"
    )
    return [LedgerFile(*row) for row in rows]


def _is_of(file: str, days: tuple[date, date] | None) -> bool:
    """Whether the day of arrival in the path (`landing/<yyyy-mm-dd>/...`) is one of these days."""
    if days is None:
        return True
    with contextlib.suppress(ValueError):
        return days[0] <= date.fromisoformat(file.split("/")[-2]) <= days[1]
    return True


def _unseen(home: Home, ledger: sqlite3.Connection, files: list[LedgerFile]) -> Iterator[LedgerFile]:
    """Files that need verification: missing, of another time or size than last time, or never verified."""
    seen = dict(ledger.execute("select file, mtime from verified").fetchall())
    for known in files:
        try:
            status = (home.root / known.file).stat()
        except FileNotFoundError:
            yield known
            continue
        if seen.get(known.file) != status.st_mtime_ns or status.st_size != known.bytes:
            yield known


def _remember(home: Home, ledger: sqlite3.Connection, files: list[LedgerFile], now: int) -> None:
    rows = []
    for known in files:
        with contextlib.suppress(FileNotFoundError):
            rows.append((known.file, (home.root / known.file).stat().st_mtime_ns, now))
    with transaction(ledger):
        ledger.executemany("insert or replace into verified (file, mtime, at) values (?, ?, ?)", rows)
