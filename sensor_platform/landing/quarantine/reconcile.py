"""Requeue and drop: rows leave the quarantine in a commit of their own, with the steps of landing.

One quarantine file at a time is replaced: new landing file, the rows that remain, the rows that were dropped; then
manifest, then ledger commit. Names are derived from the replaced file, so a killed attempt is simply repeated; a
replaced file is not visible any more, so nothing is landed twice.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sensor_platform.home import Home
from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.landing.files.leftovers import clear_changes
from sensor_platform.landing.files.parquet import file_entry, write_landing, write_quarantine
from sensor_platform.landing.ledger.commit import commit_segment
from sensor_platform.landing.ledger.manifest import FileEntry, Manifest, write_manifest
from sensor_platform.landing.ledger.queries import next_commit_time
from sensor_platform.landing.ledger.visible_files import quarantine_files
from sensor_platform.landing.quarantine.recount import recount
from sensor_platform.landing.quarantine.redecode import Redecoded, redecode
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.reading.decode import Decoder


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Result for the selected rows of one file."""

    file: str
    chosen: int
    """Number of selected rows."""
    landed_messages: int = 0
    landed_readings: int = 0
    dropped: int = 0
    """Number of dropped rows."""


@dataclass(slots=True)
class Reconciler:
    """Requeues and drops rows of one home. Hold `changes_lock`."""

    home: Home
    ledger: sqlite3.Connection
    slot: int
    """Length of a slot in microseconds."""
    clock: Callable[[], int]
    """Microseconds since the epoch, UTC."""

    def requeue(self, choice: RowSelection, decoder: Decoder, version: str) -> Iterator[Reconciled]:
        """Decode the messages of the selected rows again; good readings land with their original receive time.

        Args:
            choice: the rows.
            decoder: of the contracts in force.
            version: theirs.
        """
        for file, rows, chosen in self._files(choice):
            is_chosen = rows["position"].is_in(rows["position"].filter(chosen).implode())  # a message as a whole
            redecoded = redecode(self.home, self.ledger, rows.filter(is_chosen), decoder, self.slot)
            decoder.memory.forget()  # old messages must not change the present state
            if not len(redecoded.readings):
                yield Reconciled(file, int(is_chosen.sum()))
                continue
            rest = pl.concat([rows.filter(~is_chosen), redecoded.refused]).sort("position", maintain_order=True)
            self._commit("requeue", file, version, redecoded, rows, rest, rows.head(0))
            yield Reconciled(file, int(is_chosen.sum()), redecoded.landed_messages, len(redecoded.readings))

    def drop(self, choice: RowSelection) -> Iterator[Reconciled]:
        """Remove the selected rows from the quarantine. They stay on disk and counted as quarantined."""
        for file, rows, is_chosen in self._files(choice):
            chosen = rows.filter(is_chosen)
            self._commit("drop", file, "", None, rows, rows.filter(~is_chosen), chosen)
            yield Reconciled(file, len(chosen), dropped=len(chosen))

    def _files(self, choice: RowSelection) -> Iterator[tuple[str, pl.DataFrame, pl.Series]]:
        """Visible files with selected rows: name, rows, and the mask of the selected ones."""
        clear_changes(self.home, self.ledger)
        for path in quarantine_files(self.ledger, self.home):
            rows = pl.read_parquet(path, hive_partitioning=False)
            is_chosen = choice.mask(rows)
            if is_chosen.any():
                yield str(path.relative_to(self.home.root)), rows, is_chosen

    def _commit(
        self,
        verb: str,
        file: str,
        version: str,
        redecoded: Redecoded | None,
        before: pl.DataFrame,
        rest: pl.DataFrame,
        dropped: pl.DataFrame,
    ) -> None:
        segment = f"{verb}-{hashlib.sha256(file.encode()).hexdigest()[:32]}"
        now = next_commit_time(self.ledger, self.clock())
        day = utc_from_micros(now).date().isoformat()
        files: list[FileEntry] = []
        if redecoded is not None:
            files.append(write_landing(self.home, self.home.landing / day / f"{segment}.parquet", redecoded.readings))
        folder = self.home.quarantine / day
        if len(rest):
            files.append(write_quarantine(self.home, folder / f"{segment}.parquet", rest))
        if len(dropped):
            files.append(self._write_dropped(folder / f"{segment}.dropped.parquet", dropped))
        change = recount(before, rest, dropped, redecoded)
        manifest = Manifest(
            segment=segment,
            written_at=now,
            contract_version=version,
            messages=0,
            landed=change.landed,
            quarantined=-change.landed,
            duplicate=0,
            readings=0 if redecoded is None else len(redecoded.readings),
            rejected_readings=change.rejected_readings,
            newest_event_at=max(
                (entry.last_event_at for entry in files if entry.last_event_at is not None), default=None
            ),
            files=tuple(files),
            counts=change.counts,
            arrivals={},
            replaces=(file,),
        )
        write_manifest(self.home, manifest)
        commit_segment(self.ledger, manifest)

    def _write_dropped(self, path: Path, rows: pl.DataFrame) -> FileEntry:
        write_quarantine(self.home, path, rows)
        return file_entry(self.home, path, "dropped", len(rows))
