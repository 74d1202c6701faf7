"""Housekeeping of the landing tier: compact closed hours, delete what was replaced, expire the raw archive."""

import contextlib
import sqlite3
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR, MINUTE, utc_from_micros
from sensor_platform.kernel.durable import fsync_folder
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.files.compaction import compact
from sensor_platform.landing.ledger.commit import delete_files
from sensor_platform.landing.ledger.schema import open_ledger

GRACE = HOUR
"""How long a replaced file stays for processes that still read it, in microseconds."""


@dataclass(frozen=True, slots=True)
class HousekeepingReport:
    """Number of files that housekeeping changed."""

    compacted_files: int
    """Landing files that were merged into larger ones."""
    made_files: int
    """Larger files that were made."""
    deleted_files: int
    """Replaced files whose grace period was over."""
    expired_raw: int


def keep_house(home: Home, slot_minutes: int, raw_keep_days: int, now: int) -> HousekeepingReport:
    """Do all housekeeping that is due. The caller holds the warehouse's writer lock.

    Args:
        home: the data folder.
        slot_minutes: length of a slot.
        raw_keep_days: days that the raw archive is kept.
        now: microseconds since the epoch, UTC.
    """
    with open_ledger(home) as ledger:
        deleted = delete_replaced(home, ledger, now)
        expired = expire_raw(home, ledger, raw_keep_days, now)  # first: a failing compaction must not fill the disk
        made = compact(home, ledger, slot_minutes * MINUTE, now)
    return HousekeepingReport(sum(len(manifest.replaces) for manifest in made), len(made), deleted, expired)


def delete_replaced(home: Home, ledger: sqlite3.Connection, now: int) -> int:
    """Delete files that were replaced more than an hour ago; returns how many."""
    rows = ledger.execute("select file from files where replaced_at < ?", (now - GRACE,)).fetchall()
    delete_with_ledger(home, ledger, [file for (file,) in rows])
    return len(rows)


def expire_raw(home: Home, ledger: sqlite3.Connection, keep_days: int, now: int) -> int:
    """Delete archived segments of days that ended more than `keep_days` ago; returns how many."""
    files = expired_raw(home, keep_days, now)
    delete_with_ledger(home, ledger, files)
    return len(files)


def expired_raw(home: Home, keep_days: int, now: int) -> list[str]:
    """Archived segments of days that ended more than `keep_days` ago, relative to home."""
    first_kept = utc_from_micros(now).date() - timedelta(days=keep_days)
    files: list[str] = []
    for folder in sorted(home.raw.glob("*")):
        if _is_day_before(folder, first_kept):
            files.extend(str(path.relative_to(home.root)) for path in sorted(folder.glob("*.zst")))
    return files


def _is_day_before(folder: Path, first_kept: date) -> bool:
    try:
        return date.fromisoformat(folder.name) < first_kept
    except ValueError:
        return False


def delete_with_ledger(home: Home, ledger: sqlite3.Connection, files: list[str]) -> None:
    """Delete files, then forget them: files that the ledger still names after a kill are deleted next time."""
    folders = {(home.root / file).parent for file in files}
    for file in files:
        (home.root / file).unlink(missing_ok=True)
    for folder in sorted(folders):
        if folder.exists():
            fsync_folder(folder)
    with transaction(ledger):
        delete_files(ledger, files)
    for folder in folders:
        with contextlib.suppress(OSError):  # not empty
            folder.rmdir()
