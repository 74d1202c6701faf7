"""One step of requeue or drop: the new files of some segments, and the intent that puts them into use."""

import hashlib
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from msgspec import structs

from sensor_platform.home import Home
from sensor_platform.landing.files.compaction import rows_of, write_rest
from sensor_platform.landing.files.parquet import write_landing, write_quarantine
from sensor_platform.landing.integrity.reland_intent import Changed, RelandIntent
from sensor_platform.landing.integrity.segment_state import SegmentState
from sensor_platform.landing.integrity.shared_files import is_shared_path, read_rows, without
from sensor_platform.landing.ledger.device_counts import summed
from sensor_platform.landing.ledger.manifest import CompactionManifest, FileEntry, Manifest
from sensor_platform.landing.manifests.manifest_store import need_compaction
from sensor_platform.landing.quarantine.redecode import Redecoded


@dataclass(slots=True)
class ReconcileStep:
    """Filled segment by segment; nothing is visible before its intent is carried out."""

    home: Home
    ledger: sqlite3.Connection
    slot: int
    """Length of a slot in microseconds."""
    now: int
    """Time of the commit, microseconds since the epoch, UTC."""
    states: list[SegmentState] = field(default_factory=list)
    new: list[Manifest] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    removed: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    """Compacted landing file, relative to home, to the messages (segment and position) whose rows go away."""
    left: dict[str, set[str]] = field(default_factory=dict)
    """Compacted quarantine file to the segments whose rows go away."""

    def requeue(self, state: SegmentState, file: str, rest: pl.DataFrame, redecoded: Redecoded, version: str) -> None:
        """Add a segment of which messages were decoded again.

        Args:
            state: of the segment.
            file: quarantine file that is replaced, relative to home.
            rest: rows that remain of it.
            redecoded: the messages.
            version: of the contracts in force.
        """
        old = state.whole
        entries = [*self._kept(old, file, redecoded), *self._quarantine(old, file, rest)]
        if len(redecoded.added):
            entries.append(write_landing(self.home, self._path(old, "landing", file), redecoded.added))
        newest = [entry.last_event_at for entry in entries if entry.last_event_at is not None]
        new = structs.replace(
            old,
            written_at=self._time(),
            contract_version=version,
            landed=old.landed + sum(row.landed for row in redecoded.counts),
            quarantined=old.quarantined + sum(row.quarantined for row in redecoded.counts),
            forgotten=old.forgotten + sum(row.forgotten for row in redecoded.counts),
            readings=old.readings + len(redecoded.added) - len(redecoded.removed),
            rejected_readings=old.rejected_readings + sum(row.rejected_readings for row in redecoded.counts),
            newest_event_at=max(newest, default=None),
            files=tuple(entries),
            counts=summed(old.counts, redecoded.counts),
        )
        gone: list[int] = []
        if len(redecoded.removed):
            gone = (redecoded.removed["event_at"].cast(pl.Int64) // self.slot * self.slot).to_list()
        added = Counter(redecoded.added["slot_start"].to_list())
        self._add(state, new, Changed(slots=tuple(sorted({*gone, *added})), added=dict(added)))

    def drop(self, state: SegmentState, file: str, rest: pl.DataFrame, dropped: pl.DataFrame) -> None:
        """Add a segment of which rows were dropped.

        Args:
            state: of the segment.
            file: quarantine file that is replaced, relative to home.
            rest: rows that remain of it.
            dropped: rows that do not.
        """
        old = state.whole
        path = self._path(old, "quarantine", file)
        entry = write_quarantine(self.home, path.with_name(f"{path.stem}.dropped.parquet"), dropped)
        new = structs.replace(
            old,
            written_at=self._time(),
            files=(
                *self._entries(old, file),
                *self._quarantine(old, file, rest),
                structs.replace(entry, kind="dropped"),
            ),
        )
        self._add(state, new, Changed(slots=(), added={}))

    def intent(self) -> RelandIntent:
        """The step; writes the rest of the compacted files that it splits."""
        compactions = [self._compaction(file) for file in sorted({*self.removed, *self.left})]
        rests = [write_rest(self.home, each, self._staying(each), self.slot, self.now) for each in compactions]
        changed: list[Changed | None] = []
        for state, each in zip(self.states, self.changed, strict=True):
            changed += [each, *(Changed(slots=(), added={}) for _ in state.manifests[1:])]
        name = hashlib.sha256("\n".join(manifest.segment for manifest in self.new).encode()).hexdigest()[:16]
        return RelandIntent(
            name=f"{name}~{self.now}",
            written_at=self.now,
            old=tuple(old for state in self.states for old in state.manifests),
            new=tuple(
                each for state, new in zip(self.states, self.new, strict=True) for each in state.replaced_by(new)
            ),
            retired=tuple(each.file.file for each in compactions),
            compactions=tuple(each.name for each in compactions),
            rests=tuple(rest for rest in rests if rest is not None),
            changed=tuple(changed),
        )

    def _add(self, state: SegmentState, new: Manifest, changed: Changed) -> None:
        self.states.append(state)
        self.new.append(new)
        self.changed.append(changed)

    def _time(self) -> int:
        """Commit time of the next segment: each has its own, so that their order is known."""
        return self.now + len(self.new)

    def _kept(self, old: Manifest, file: str, redecoded: Redecoded) -> list[FileEntry]:
        """The files of the segment but the quarantine file; its own landing files without the rows that go away."""
        removed = redecoded.removed
        by_file = {name: rows for (name,), rows in removed.group_by("file")} if len(removed) else {}
        entries = self._entries(old, file)
        for number, (name, rows) in enumerate(sorted(by_file.items(), key=lambda each: str(each[0]))):
            messages = set(rows.select("segment", "position").unique().iter_rows())
            own = [entry for entry in entries if entry.file == name]
            if not own:
                self.removed.setdefault(str(name), set()).update(messages)
                continue
            entries.remove(own[0])
            left = without(read_rows(self.home.root / own[0].file), messages)
            if len(left):
                left = left.with_columns(slot_start=pl.col("event_at").cast(pl.Int64) // self.slot * self.slot)
                path = self._path(old, "landing", own[0].file)
                entries.append(write_landing(self.home, path.with_name(f"{path.stem}.{number}.parquet"), left))
        return entries

    def _entries(self, old: Manifest, file: str) -> list[FileEntry]:
        """The files of the segment but the quarantine file, or but those that went into it."""
        gone = {file}
        if is_shared_path(file):
            self.left.setdefault(file, set()).add(old.segment)
            gone.update(self._compaction(file).replaces)
        return [entry for entry in old.files if entry.file not in gone]

    def _compaction(self, file: str) -> CompactionManifest:
        return need_compaction(self.home, self.ledger, Path(file).stem)

    def _staying(self, compaction: CompactionManifest) -> pl.DataFrame:
        """The rows of a compacted file that stay."""
        rows, file = rows_of(self.home, compaction), compaction.file.file
        if file in self.left:
            return rows.filter(~pl.col("segment").is_in(list(self.left[file])))
        return without(rows, self.removed[file])

    def _quarantine(self, old: Manifest, file: str, rest: pl.DataFrame) -> list[FileEntry]:
        """The quarantine file with the rows that remain."""
        return [write_quarantine(self.home, self._path(old, "quarantine", file), rest)] if len(rest) else []

    def _path(self, manifest: Manifest, folder: str, beside: str) -> Path:
        """A new name of the segment on the day of another file of it."""
        return self.home.root / folder / Path(beside).parent.name / f"{manifest.segment}~{self._time()}.parquet"
