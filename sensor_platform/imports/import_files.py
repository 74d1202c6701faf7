"""Imports files of history: rows to sorted landing files, then manifest, then ledger commit. All files or none.

A file is identified by the checksum of its bytes. Files that the ledger has are skipped: importing twice adds nothing.
A killed import is simply repeated: its files have the same names and are overwritten.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.imports.import_run import ImportPlan, ImportRun
from sensor_platform.imports.sources import open_source
from sensor_platform.kernel.clock import MINUTE
from sensor_platform.landing.files.leftovers import clear_changes
from sensor_platform.landing.lander_lock import changes_lock
from sensor_platform.landing.ledger import (
    commit_segment,
    imported_files,
    keep_grid,
    next_commit_time,
    open_ledger,
    write_manifest,
)

__all__ = ["ImportPlan", "Imported", "import_files"]


@dataclass(frozen=True, slots=True)
class Imported:
    """Result of an import."""

    segment: str | None
    """Name of the import in the ledger; None if every file had been imported before."""
    known: tuple[str, ...]
    files: int
    rows: int
    readings: int
    refused: int
    rules: dict[str, int]
    landing_files: int
    first_event_at: int | None
    last_event_at: int | None


def import_files(
    home: Home,
    paths: Sequence[Path],
    plan: ImportPlan,
    clock: Callable[[], int],
    say: Callable[[str], None] = lambda _: None,
    *,
    wait_seconds: float = 0.0,
) -> Imported:
    """Import the files that the ledger does not have yet.

    Args:
        home: the data folder.
        paths: CSV or Parquet files.
        plan: contract of the columns, and limits.
        clock: microseconds since the epoch, UTC.
        say: receives lines on progress.
        wait_seconds: how long to wait for another import, requeue or reland.

    Raises:
        WrongUse: a file cannot be read, its columns do not fit the mapping, or the home has slots of another length.
        CheckFailed: too many rows are rejected; nothing was imported.
        Unreachable: another import, requeue, reland or housekeeping works on this home.
        OSError: the disk does not allow it; import again.
    """
    with changes_lock(home, "import", wait_seconds=wait_seconds), open_ledger(home) as ledger:
        keep_grid(ledger, plan.slot // MINUTE)
        clear_changes(home, ledger)
        sources = {source.sha256: source for source in (open_source(path, plan.separator) for path in paths)}
        known = imported_files(ledger, sources)
        passed = tuple(str(sources.pop(key).path) for key in known)
        if not sources:
            return Imported(None, passed, 0, 0, 0, 0, {}, 0, None, None)
        now = next_commit_time(ledger, clock())
        manifest, rules = ImportRun(home, plan, list(sources.values()), now, say).run()
        write_manifest(home, manifest)
        commit_segment(ledger, manifest)
    times = [(file.first_event_at, file.last_event_at) for file in manifest.files if file.first_event_at is not None]
    return Imported(
        segment=manifest.segment,
        known=passed,
        files=len(sources),
        rows=manifest.messages,
        readings=manifest.readings,
        refused=manifest.quarantined,
        rules=rules,
        landing_files=len(times),
        first_event_at=min((first for first, _ in times), default=None),
        last_event_at=manifest.newest_event_at,
    )
