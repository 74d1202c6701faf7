"""Requeue and drop: rows leave the quarantine, and the result of their segment changes, in one step.

Requeue replaces what a message gave before. The step is that of a reland (`reland_intent`): new files beside the old
ones, then the intent, manifests, ledger commit. A killed attempt is finished or repeated; nothing is landed twice.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sensor_platform.home import Home
from sensor_platform.landing.files.leftovers import clear_changes
from sensor_platform.landing.forget.enforce import enforced
from sensor_platform.landing.integrity.reland_change import SegmentChange, compare
from sensor_platform.landing.integrity.reland_intent import carry_out, finish_intents
from sensor_platform.landing.integrity.reland_units import Groups
from sensor_platform.landing.integrity.segment_state import SegmentState, read_state
from sensor_platform.landing.integrity.shared_files import RowFiles, is_shared_path
from sensor_platform.landing.ledger.queries import next_commit_time
from sensor_platform.landing.ledger.visible_files import quarantine_files
from sensor_platform.landing.quarantine.redecode import Redecoded, redecode
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.landing.quarantine.step import ReconcileStep
from sensor_platform.landing.rejects import read_rejects
from sensor_platform.reading.decode import Decoder

_NO_CHANGE = SegmentChange("", 0, 0, 0)
_CHOSEN = "is chosen"
"""Name of a column that no quarantine file has."""


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
        files, later = RowFiles(self.home, self.ledger), _Later()
        for path in self._begin():
            for work in self._works(path, choice):
                redecoded = self._redecode(work, files, decoder)
                compacted = _compacted(work, redecoded)
                if is_dry or not redecoded.is_change:
                    yield _result(work, redecoded)
                elif compacted:  # later: a compacted file is written again once for all of its segments
                    later.add(path, work.state.segment, compacted)
                else:
                    self._carry_out([(work, redecoded)], version)
                    yield _result(work, redecoded)
        for paths, segments in later.steps():
            files = RowFiles(self.home, self.ledger)
            works = [work for path in paths for work in self._works(path, choice, segments)]
            some = [(work, self._redecode(work, files, decoder)) for work in works]
            self._carry_out(some, version)
            yield from (_result(work, redecoded) for work, redecoded in some)

    def drop(self, choice: RowSelection) -> Iterator[Reconciled]:
        """Remove the selected rows from the quarantine. They stay on disk and counted as quarantined."""
        for path in self._begin():
            step = ReconcileStep(self.home, self.ledger, self.slot, next_commit_time(self.ledger, self.clock()))
            works = list(self._works(path, choice))
            for work in works:
                rest, chosen = work.rows.filter(~work.is_chosen), work.rows.filter(work.is_chosen)
                step.drop(work.state, work.file, rest, chosen)
            if works:
                carry_out(self.home, self.ledger, step.intent())
            for work in works:
                count = int(work.is_chosen.sum())
                yield Reconciled(work.file, count, dropped=count)

    def _redecode(self, work: _Work, files: RowFiles, decoder: Decoder) -> Redecoded:
        """Decode the messages again of which a row is selected; each as a whole."""
        positions = work.rows["position"]
        work.is_chosen = positions.is_in(positions.filter(work.is_chosen).implode())
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

    def _begin(self) -> list[Path]:
        """Finish what killed processes left; returns the visible files."""
        finish_intents(self.home, self.ledger)
        clear_changes(self.home, self.ledger)
        return quarantine_files(self.ledger, self.home)

    def _works(self, path: Path, choice: RowSelection, only: Collection[str] | None = None) -> Iterator[_Work]:
        """Selected rows of a file by segment, of `only` these. Segments whose manifest is gone are passed over."""
        rows = read_rejects(path)
        is_chosen = choice.mask(rows)
        segments = set(rows["segment"].filter(is_chosen)) if only is None else set(only)
        if not is_chosen.any():
            return
        marked = rows.with_columns(is_chosen.alias(_CHOSEN)).filter(pl.col("segment").is_in(list(segments)))
        for own in marked.sort("segment", maintain_order=True).partition_by("segment", maintain_order=True):
            state = read_state(self.home, self.ledger, own["segment"][0])
            if state is not None:
                yield _Work(str(path.relative_to(self.home.root)), state, own.drop(_CHOSEN), own[_CHOSEN])


class _Later:
    """Segments whose rows leave compacted files; those with a file in common belong to one step."""

    def __init__(self) -> None:
        self._groups = Groups()
        self._paths: dict[str, list[Path]] = {}
        """Segment to its quarantine files."""

    def add(self, path: Path, segment: str, compacted: Iterable[str]) -> None:
        """Add a segment with rows in a quarantine file, and the compacted files that are written again."""
        self._paths.setdefault(segment, []).append(path)
        for file in compacted:
            self._groups.join(segment, Path(file).stem)

    def steps(self) -> Iterator[tuple[list[Path], tuple[str, ...]]]:
        """The quarantine files and segments of each step."""
        for unit in self._groups.units():
            paths = dict.fromkeys(path for segment in unit.segments for path in self._paths[segment])
            yield sorted(paths), unit.segments


def _compacted(work: _Work, redecoded: Redecoded) -> list[str]:
    """Compacted files of which rows go away."""
    files = redecoded.removed["file"].unique().sort().to_list() if len(redecoded.removed) else []
    return [file for file in (work.file, *files) if is_shared_path(file)]


def _result(work: _Work, redecoded: Redecoded) -> Reconciled:
    return Reconciled(
        file=work.file,
        chosen=int(work.is_chosen.sum()),
        landed_messages=len(redecoded.landed),
        landed_readings=len(redecoded.added),
        removed_readings=len(redecoded.removed),
        change=compare(work.state.segment, redecoded.known, redecoded.readings),
    )
