"""Imports files of history: rows to sorted landing files, then manifest, then ledger commit. All files or none.

A file is identified by the checksum of its bytes. Files that the ledger has are skipped: importing twice adds nothing.
Under another mapping the rows of before can be replaced by the new ones, in one commit.
A killed import is simply repeated: its files have the same names and are overwritten.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.imports.import_run import ImportPlan, ImportRun
from sensor_platform.imports.known_imports import mapping_version
from sensor_platform.imports.sources import open_source
from sensor_platform.imports.withdraw import removal_of
from sensor_platform.kernel.clock import MINUTE
from sensor_platform.landing.files.leftovers import clear_changes
from sensor_platform.landing.forget.enforce import enforced
from sensor_platform.landing.lander_lock import changes_lock
from sensor_platform.landing.ledger import (
    KnownFile,
    commit_segment,
    imported,
    is_free,
    keep_device_rule,
    keep_grid,
    next_commit_time,
    open_ledger,
    write_manifest,
)
from sensor_platform.landing.removal.intent import carry_out

__all__ = ["ImportPlan", "Imported", "import_files"]


@dataclass(frozen=True, slots=True)
class Imported:
    """Result of an import."""

    segment: str | None
    """Name of the import in the ledger; None if every file had been imported before."""
    known: tuple[str, ...]
    """Files that were imported before under the same mapping, and are passed over."""
    replaced: tuple[str, ...]
    """Files whose rows of before were replaced."""
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
    is_replacing: bool = False,
    wait_seconds: float = 0.0,
) -> Imported:
    """Import the files that the ledger does not have yet.

    Args:
        home: the data folder.
        paths: CSV or Parquet files.
        plan: contract of the columns, and limits.
        clock: microseconds since the epoch, UTC.
        say: receives lines on progress.
        is_replacing: replace the rows of files that were imported before under another mapping.
        wait_seconds: how long to wait for another import, requeue or reland.

    Raises:
        WrongUse: a file cannot be read, its columns do not fit the mapping, it was imported under another one, or the
            home has slots of another length.
        CheckFailed: too many rows are rejected; nothing was imported.
        Unreachable: another import, requeue, reland or housekeeping works on this home.
        OSError: the disk does not allow it; import again.
    """
    with changes_lock(home, "import", wait_seconds=wait_seconds), open_ledger(home) as ledger:
        keep_grid(ledger, plan.slot // MINUTE)
        keep_device_rule(ledger, home)
        clear_changes(home, ledger)
        sources = {source.sha256: source for source in (open_source(path, plan.separator) for path in paths)}
        known = [file for file in imported(ledger) if file.sha256 in sources]
        same = [file for file in known if not _is_other(file, plan)]
        other = [file for file in known if _is_other(file, plan)]
        if other and not is_replacing:
            raise _refusal([str(sources[file.sha256].path) for file in other])
        passed = tuple(str(sources.pop(file.sha256).path) for file in same)
        if not sources:
            return Imported(None, passed, (), 0, 0, 0, 0, {}, 0, None, None)
        arrived_at = clock()
        now = next_commit_time(ledger, arrived_at)
        run = ImportRun(home, plan, list(sources.values()), arrived_at, now, say)
        while not is_free(ledger, run.segment):  # withdrawn before: its old files may still be read
            run.attempt += 1
        manifest, rules = run.run()
        with enforced(home, ledger, plan.slot, clock):
            if other:
                _, intent = removal_of(home, ledger, other, plan.slot, now, [manifest])
                carry_out(home, ledger, intent)
            else:
                write_manifest(home, manifest)
                commit_segment(ledger, manifest)
    times = [(file.first_event_at, file.last_event_at) for file in manifest.files if file.first_event_at is not None]
    return Imported(
        segment=manifest.segment,
        known=passed,
        replaced=tuple(str(sources[file.sha256].path) for file in other),
        files=len(sources),
        rows=manifest.messages,
        readings=manifest.readings,
        refused=manifest.quarantined,
        rules=rules,
        landing_files=len(times),
        first_event_at=min((first for first, _ in times), default=None),
        last_event_at=manifest.newest_event_at,
    )


def _is_other(file: KnownFile, plan: ImportPlan) -> bool:
    """Whether a file was imported under another mapping; not known of imports by earlier versions."""
    return bool(file.mapping) and file.mapping != mapping_version(plan.contract)


def _refusal(names: Sequence[str]) -> WrongUse:
    return WrongUse(
        f"{', '.join(names)}: imported before under another mapping; nothing was imported",
        "`sensor-platform import --replace FILES` replaces the rows of before,"
        " `sensor-platform import --withdraw ID` takes them back",
    )
