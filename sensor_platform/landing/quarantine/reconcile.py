"""Requeue and drop: rows leave the quarantine, and the result of their segment changes, in one step.

Requeue replaces what a message gave before. The step is that of a reland (`reland_intent`): new files beside the old
ones, then the intent, manifests, ledger commit. A killed attempt is finished or repeated; nothing is landed twice.
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sensor_platform.home import Home
from sensor_platform.landing.files.leftovers import clear_changes
from sensor_platform.landing.forget.enforce import enforced
from sensor_platform.landing.integrity.reland_change import SegmentChange, compare
from sensor_platform.landing.integrity.reland_intent import carry_out, finish_intents
from sensor_platform.landing.integrity.segment_state import SegmentState, read_state
from sensor_platform.landing.integrity.shared_files import RowFiles
from sensor_platform.landing.ledger.queries import next_commit_time
from sensor_platform.landing.ledger.visible_files import quarantine_files
from sensor_platform.landing.quarantine.redecode import Redecoded, redecode
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.landing.quarantine.step import ReconcileStep
from sensor_platform.landing.rejects import read_rejects
from sensor_platform.reading.decode import Decoder

_NO_CHANGE = SegmentChange("", 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Result for the selected rows of one segment in one file."""

    file: str
    chosen: int
    """Number of selected rows."""
    landed_messages: int = 0
    landed_readings: int = 0
    """Readings that are new; one that replaces another of the same message counts too."""
    removed_readings: int = 0
    """Landed readings of these messages that were replaced or removed."""
    dropped: int = 0
    """Number of dropped rows."""
    change: SegmentChange = _NO_CHANGE
    """Readings of these messages before and after."""


@dataclass(slots=True)
class _Work:
    """Selected rows of one segment in one quarantine file."""

    file: str
    state: SegmentState
    rows: pl.DataFrame
    """All rows of the segment in the file."""
    is_chosen: pl.Series


@dataclass(slots=True)
class Reconciler:
    """Requeues and drops rows of one home. Hold `changes_lock`."""

    home: Home
    ledger: sqlite3.Connection
    slot: int
    """Length of a slot in microseconds."""
    clock: Callable[[], int]
    """Microseconds since the epoch, UTC."""

    def requeue(
        self, choice: RowSelection, decoder: Decoder, version: str, *, is_dry: bool = False
    ) -> Iterator[Reconciled]:
        """Decode the messages of the selected rows again; good readings land with their original receive time.

        Args:
            choice: the rows.
            decoder: of the contracts in force.
            version: theirs.
            is_dry: only tell what would change.

        Raises:
            CheckFailed: a landing file cannot be read.
            ChangedMeanwhile: another command changed the same files; what was yielded is done.
        """
        files = RowFiles(self.home, self.ledger)
        shared: dict[tuple[str, ...], list[_Work]] = {}
        for work in self._work(choice):
            # a message as a whole
            work.is_chosen = work.rows["position"].is_in(work.rows["position"].filter(work.is_chosen).implode())
            redecoded = self._redecode(work, files, decoder)
            compacted = _compacted(redecoded)
            if is_dry or not redecoded.is_change:
                yield _result(work, redecoded)
            elif compacted:  # later: a compacted file is written again once for all of its segments
                shared.setdefault(compacted, []).append(work)
            else:
                self._carry_out([(work, redecoded)], version)
                yield _result(work, redecoded)
        for works in shared.values():
            files = RowFiles(self.home, self.ledger)
            some = [(work, self._redecode(work, files, decoder)) for work in works]
            self._carry_out(some, version)
            yield from (_result(work, redecoded) for work, redecoded in some)

    def drop(self, choice: RowSelection) -> Iterator[Reconciled]:
        """Remove the selected rows from the quarantine. They stay on disk and counted as quarantined."""
        for work in self._work(choice):
            step = ReconcileStep(self.home, self.ledger, self.slot, next_commit_time(self.ledger, self.clock()))
            chosen = work.rows.filter(work.is_chosen)
            step.drop(work.state, work.file, work.rows.filter(~work.is_chosen), chosen)
            carry_out(self.home, self.ledger, step.intent())
            yield Reconciled(work.file, len(chosen), dropped=len(chosen))

    def _redecode(self, work: _Work, files: RowFiles, decoder: Decoder) -> Redecoded:
        redecoded = redecode(files, work.state.whole, work.rows.filter(work.is_chosen), decoder, self.slot)
        decoder.memory.forget()  # old messages must not change the present state
        return redecoded

    def _carry_out(self, some: list[tuple[_Work, Redecoded]], version: str) -> None:
        step = ReconcileStep(self.home, self.ledger, self.slot, next_commit_time(self.ledger, self.clock()))
        for work, redecoded in some:
            is_decoded = work.rows["position"].is_in(redecoded.positions.implode())
            rest = pl.concat([work.rows.filter(~is_decoded), redecoded.refused])
            step.requeue(work.state, work.file, rest.sort("position", maintain_order=True), redecoded, version)
        with enforced(self.home, self.ledger, self.slot, self.clock):
            carry_out(self.home, self.ledger, step.intent())

    def _work(self, choice: RowSelection) -> Iterator[_Work]:
        """Selected rows by visible file and segment. Segments whose manifest is gone are passed over."""
        finish_intents(self.home, self.ledger)
        clear_changes(self.home, self.ledger)
        for path in quarantine_files(self.ledger, self.home):
            rows = read_rejects(path)
            is_chosen = choice.mask(rows)
            if not is_chosen.any():
                continue
            for segment in rows["segment"].filter(is_chosen).unique().sort():
                state = read_state(self.home, self.ledger, segment)
                is_own = rows["segment"] == segment
                if state is not None:
                    file = str(path.relative_to(self.home.root))
                    yield _Work(file, state, rows.filter(is_own), is_chosen.filter(is_own))


def _compacted(redecoded: Redecoded) -> tuple[str, ...]:
    """Compacted files of which rows go away."""
    files = redecoded.removed["file"].unique().sort().to_list() if len(redecoded.removed) else []
    return tuple(file for file in files if Path(file).name.startswith("compact-"))


def _result(work: _Work, redecoded: Redecoded) -> Reconciled:
    return Reconciled(
        file=work.file,
        chosen=int(work.is_chosen.sum()),
        landed_messages=len(redecoded.landed),
        landed_readings=len(redecoded.added),
        removed_readings=len(redecoded.removed),
        change=compare(work.state.segment, redecoded.known, redecoded.readings),
    )
