"""Clears what a killed lander leaves: temporary files, and files that were never committed and never will be."""

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.kernel.durable import fsync_folder
from sensor_platform.kernel.temporary_files import is_dead
from sensor_platform.landing.files.paths import set_aside
from sensor_platform.landing.ledger.manifest import manifest_path
from sensor_platform.landing.ledger.summing import is_committed
from sensor_platform.landing.ledger.visible_files import is_known
from sensor_platform.landing.removal.intent import finish_removals, removals_folder
from sensor_platform.wal import parse_name

_CLOCK_SECONDS = 5.0
"""Maximum difference between the clock of a file system and ours."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """Files that were cleared at the start of the lander."""

    removed: tuple[Path, ...]
    """Temporary files of dead processes."""
    set_aside: tuple[Path, ...]
    """New paths of files that neither the ledger nor a WAL accounts for."""


def clear_leftovers(home: Home, ledger: sqlite3.Connection) -> Cleared:
    """Clean up after a killed lander; only with the lander's lock held."""
    now = time.time()
    folders = _changed_folders(home)
    removed = tuple(remove_dead(path for folder in folders for path in sorted(folder.glob("*.tmp"))))
    # a folder with files of processes that may still run is looked at again next time
    now = min([now, *(folder.stat().st_mtime for folder in folders if any(folder.glob("*.tmp")))])
    orphans = list(_orphans(home, ledger, folders))
    cleared = Cleared(removed, tuple(set_aside(home, path) for path in orphans))
    _remember_sweep(home, now)
    return cleared


def clear_changes(home: Home, ledger: sqlite3.Connection) -> None:
    """Clean up after a killed import or requeue: uncommitted files can be made again. Hold `changes_lock`."""
    finish_removals(home, ledger)
    remove_dead([*removals_folder(home).glob("*.tmp"), *home.ledger.glob("*.tmp")])
    for verb in ("import", "requeue", "drop"):
        for path in sorted((home.ledger / "segments").glob(f"{verb}-*.json")):
            if not is_committed(ledger, path.stem):
                path.unlink()  # before its files: a rebuild of the ledger must not miss them
                fsync_folder(path.parent)
        for folder in _folders(home):
            for path in sorted(folder.glob(f"*/{verb}-*")):
                if path.suffix == ".tmp":
                    remove_dead([path])
                elif path.suffix == ".parquet" and not is_known(ledger, str(path.relative_to(home.root))):
                    path.unlink()
    if not any((home.ledger / "relands").glob("*.json")):  # what a killed one has not committed yet
        clear_rewritten(home, ledger)
    for left in home.root.glob(".import-*"):
        shutil.rmtree(left, ignore_errors=True)


def clear_rewritten(home: Home, ledger: sqlite3.Connection) -> None:
    """Delete rewritten files (`<name>~<time>`) that a killed process made and never committed."""
    remove_dead(home.raw.glob("*/*.zst.new.*.tmp"))
    for path in home.raw.glob("*/*.zst.new"):  # copies in which messages were blanked
        path.unlink()
    for folder in (home.landing, home.quarantine):
        remove_dead([*folder.glob("*/*~*.tmp"), *folder.glob("*/compact-*.tmp")])
        for path in folder.glob("*/*~*.parquet"):
            if not is_known(ledger, str(path.relative_to(home.root))):
                path.unlink()


def remove_dead(temporary: Iterable[Path]) -> list[Path]:
    """Delete those temporary files whose process is gone; returns them."""
    removed = [path for path in temporary if is_dead(path)]
    for path in removed:
        path.unlink(missing_ok=True)
    return removed


def _folders(home: Home) -> tuple[Path, ...]:
    return (home.landing, home.quarantine, home.raw, home.ledger)


def _changed_folders(home: Home) -> list[Path]:
    """Folders in which something was made or renamed since the last sweep: the others cannot hold anything new.

    So a start costs with the days that changed, not with the history. The marker is a hint: without it all are listed.
    """
    since = 0.0
    with contextlib.suppress(OSError, ValueError):
        since = float(_marker(home).read_text()) - _CLOCK_SECONDS
    if since > time.time():  # by a clock that was ahead
        since = 0.0
    days = [day for root in (home.landing, home.quarantine, home.raw) for day in sorted(root.glob("*"))]
    days += [home.ledger, home.ledger / "segments", home.ledger / "compactions"]
    return [folder for folder in days if folder.is_dir() and folder.stat().st_mtime >= since]


def _remember_sweep(home: Home, now: float) -> None:
    with contextlib.suppress(OSError):  # a full disk must not stop the lander
        _marker(home).write_text(str(now))


def _marker(home: Home) -> Path:
    return home.ledger / ".swept"


def _orphans(home: Home, ledger: sqlite3.Connection, folders: list[Path]) -> Iterator[Path]:
    """Files of segments that were not committed and have no WAL from which they could be made.

    Only files named after a segment are looked at: files of compactions are cleared by compaction.
    """
    for folder in folders:
        if folder.parent not in {home.landing, home.quarantine, home.raw}:
            continue
        for path in sorted(folder.glob("*")):
            segment = path.stem
            if parse_name(segment) and not _is_accounted_for(home, ledger, segment, path):
                yield path


def _is_accounted_for(home: Home, ledger: sqlite3.Connection, segment: str, path: Path) -> bool:
    if any((home.wal / f"{segment}{suffix}").exists() for suffix in (".wal", ".open")):
        return True
    if is_known(ledger, str(path.relative_to(home.root))):
        return True
    # retention and compaction delete the files that they have removed from the ledger
    return is_committed(ledger, segment) or manifest_path(home, segment).exists()
