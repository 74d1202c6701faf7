"""Housekeeping of the landing tier: compact closed hours, delete what was replaced, expire the raw archive."""

import contextlib
import sqlite3
from dataclasses import dataclass

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR, MINUTE
from sensor_platform.kernel.durable import fsync_folder
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.files.compaction import compact
from sensor_platform.landing.files.leftovers import remove_dead
from sensor_platform.landing.files.quarantine_compaction import compact_quarantine
from sensor_platform.landing.integrity.damage import first_kept_day, forget_expired, is_day_before
from sensor_platform.landing.integrity.reland_intent import finish_intents
from sensor_platform.landing.lander_lock import with_changes_lock
from sensor_platform.landing.ledger.file_rows import delete_files, mark_deleted
from sensor_platform.landing.ledger.retention_day import move_retention_clock, retention_clock
from sensor_platform.landing.ledger.schema import open_ledger
from sensor_platform.landing.manifests.bundling import bundle_hours, merge_days
from sensor_platform.landing.manifests.redating import redate

GRACE = HOUR
"""How long a replaced file stays for processes that still read it, in microseconds."""


@dataclass(frozen=True, slots=True)
class HousekeepingReport:
    """Number of files that housekeeping changed."""

    compacted_files: int
    """Landing and quarantine files that were merged into larger ones."""
    made_files: int
    """Larger files that were made."""
    deleted_files: int
    """Replaced files whose grace period was over."""
    expired_raw: int


def keep_house(home: Home, slot_minutes: int, raw_keep_days: int, now: int) -> HousekeepingReport:
    """Do all housekeeping that is due, under the lock of changes. The caller holds the warehouse's writer lock.

    Args:
        home: the data folder.
        slot_minutes: length of a slot.
        raw_keep_days: days that the raw archive is kept.
        now: microseconds since the epoch, UTC.

    Raises:
        Unreachable: an import, a requeue or a reland works on this home.
    """
    with with_changes_lock(home, "housekeeping"), open_ledger(home) as ledger:
        remove_dead(home.ledger.glob("*.json.*.tmp"))
        finish_intents(home, ledger)
        redate(home, ledger, now)
        if (clock := retention_clock(ledger, now)) is not None:
            forget_expired(ledger, raw_keep_days, clock.today)
        deleted = delete_replaced(home, ledger, now)
        expired = expire_raw(home, ledger, raw_keep_days, now)  # first: a failing compaction must not fill the disk
        made = [*compact(home, ledger, slot_minutes * MINUTE, now), *compact_quarantine(home, ledger, now)]
        bundle_hours(home, ledger, now)
        merge_days(home, ledger, now)
    return HousekeepingReport(sum(len(manifest.replaces) for manifest in made), len(made), deleted, expired)


def delete_replaced(home: Home, ledger: sqlite3.Connection, now: int) -> int:
    """Delete files that were replaced more than an hour ago, or whose deletion was begun; returns how many."""
    with transaction(ledger):  # by a clock that was ahead: the hour begins now
        ledger.execute("update files set replaced_at = ? where replaced_at > ?", (now, now + GRACE))
    rows = ledger.execute(
        "select file from files where replaced_at < ? or deleting_at is not null", (now - GRACE,)
    ).fetchall()
    delete_with_ledger(home, ledger, [file for (file,) in rows])
    return len(rows)


def expire_raw(home: Home, ledger: sqlite3.Connection, keep_days: int, now: int) -> int:
    """Delete archived segments of days that ended more than `keep_days` ago; returns how many.

    Ages are counted by the retention clock, which never jumps ahead.
    """
    clock = retention_clock(ledger, now)
    if clock is None:
        return 0  # nothing has arrived
    with transaction(ledger):
        move_retention_clock(ledger, home, clock)
    files = expired_raw(home, keep_days, clock.today)
    delete_with_ledger(home, ledger, files)
    return len(files)


def expired_raw(home: Home, keep_days: int, now: int) -> list[str]:
    """Archived segments of days that ended more than `keep_days` ago, relative to home."""
    first_kept = first_kept_day(keep_days, now)
    files: list[str] = []
    for folder in sorted(home.raw.glob("*")):
        if is_day_before(folder.name, first_kept):
            files.extend(str(path.relative_to(home.root)) for path in sorted(folder.glob("*.zst")))
    return files


def delete_with_ledger(home: Home, ledger: sqlite3.Connection, files: list[str]) -> None:
    """Delete files on purpose: the ledger notes it first, so that nobody takes them for damaged, and forgets them last.

    Every file that the ledger knows is deleted by this function. After a kill, `delete_replaced` deletes the rest.

    Args:
        home: the data folder.
        ledger: open for writing.
        files: relative to home; they need not exist.

    Raises:
        OSError: the disk does not allow it now.
    """
    if not files:
        return
    with transaction(ledger):
        mark_deleted(ledger, files)
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
