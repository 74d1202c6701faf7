"""Makes the files and the intent of a removal: each file that holds chosen rows is written again without them."""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from msgspec import structs

from sensor_platform.home import Home
from sensor_platform.landing.files.landing_table import UNKNOWN_DEVICE
from sensor_platform.landing.files.parquet import write_landing, write_quarantine
from sensor_platform.landing.forget.facts import without_facts
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.ledger.device_counts import negative, summed
from sensor_platform.landing.ledger.manifest import (
    CompactionManifest,
    FileEntry,
    Manifest,
)
from sensor_platform.landing.ledger.summing import SumChange, changes_of_days, sum_of_changes
from sensor_platform.landing.manifests.bundle_writing import stage_bundle
from sensor_platform.landing.manifests.bundles import read_bundle
from sensor_platform.landing.manifests.manifest_store import bundle_of, find_manifest, need_compaction
from sensor_platform.landing.removal.choice import RowChoice
from sensor_platform.landing.removal.intent import BlankedArchive, NewFile, RemovalIntent, ReplacedCompaction
from sensor_platform.landing.removal.matches import MatchedFile, matched_landing, matched_quarantine, read_kept
from sensor_platform.landing.removal.recounts import Recount

_MESSAGE = ["segment", "position"]


@dataclass(slots=True)
class Found:
    """What a removal takes out."""

    readings: int = 0
    messages: int = 0
    """Messages of which nothing is left."""
    mixed: int = 0
    """Messages of which other readings stay."""
    rejects: int = 0
    """Rows of quarantine files."""
    landing_files: int = 0
    quarantine_files: int = 0


@dataclass(slots=True)
class Removal:
    """One removal, filled file by file. Without `is_real` it only counts."""

    home: Home
    ledger: sqlite3.Connection
    choice: RowChoice
    slot: int
    """Length of a slot in microseconds."""
    now: int
    is_forgotten: bool
    is_real: bool = True
    rules: Sequence[ForgetRule] = ()
    """Rules by which `choice` chooses, of a removal that forgets."""
    archives: list[BlankedArchive] = field(default_factory=list)
    with_facts: list[str] = field(default_factory=list)
    """Manifests that name something beside readings that the rules take."""
    found: Found = field(default_factory=Found)
    recounts: dict[str, Recount] = field(default_factory=dict)
    """By commit."""
    files: list[NewFile] = field(default_factory=list)
    compactions: list[ReplacedCompaction] = field(default_factory=list)
    touched: list[pl.DataFrame] = field(default_factory=list)
    """Segment and position of every message that loses a row."""
    slots: set[int] = field(default_factory=set)
    compacted: list[str] = field(default_factory=list)
    """Files that went into a compacted file which is replaced."""
    emptied: list[str] = field(default_factory=list)
    """Files of commits that went into a compacted file of which nothing is left."""
    replaced: dict[str, FileEntry | None] = field(default_factory=dict)
    """Old files to the new ones; None where no row is left."""

    def run(self, only: Collection[str] | None = None) -> None:
        """Look through all files and, if `is_real`, write the new ones. They are not visible yet.

        Args:
            only: look through these files only, relative to home.

        Raises:
            CheckFailed: a file is damaged.
        """
        for match in matched_landing(self.home, self.ledger, self.choice, only):
            self._landing(match)
        for match in matched_quarantine(self.home, self.ledger, self.choice, self.messages(), only):
            self._quarantine(match)

    def messages(self) -> pl.DataFrame:
        """Segment and position of every message that loses a row."""
        none = pl.DataFrame(schema={"segment": pl.String, "position": pl.Int64})
        return pl.concat([none, *self.touched]).unique()

    def intent(self, gone: Sequence[str] = (), added: Sequence[Manifest] = ()) -> RemovalIntent:
        """The intent, after `run`.

        Args:
            gone: commits that end; the caller sees to the counts that remain of them.
            added: a new commit of the same step.
        """
        ended = [manifest for name in gone if (manifest := find_manifest(self.home, self.ledger, name)) is not None]
        changes = {name: found.counts() for name, found in self.recounts.items() if name not in gone}
        changes |= {manifest.segment: negative(manifest.counts) for manifest in ended}
        named = [name for name in self._named() if name not in gone]
        bundled, loose = self._by_bundle(named)
        self._index()
        found = (find_manifest(self.home, self.ledger, name) for name in loose)
        pairs = [(old, self._changed(old)) for old in found if old is not None]
        days = changes_of_days(self.ledger, pairs)
        for key, names in bundled.items():
            days = sum_of_changes(days, self._stage(key, names))
        return RemovalIntent(
            name=f"{self.now}-{hashlib.sha256(repr(sorted(changes)).encode()).hexdigest()[:8]}",
            written_at=self.now,
            manifests=tuple(new for _, new in pairs),
            bundles=tuple(bundled),
            days=days,
            gone=tuple(gone),
            added=tuple(added),
            files=tuple(self.files),
            compactions=tuple(self.compactions),
            counts=summed(*changes.values()),
            arrivals=self._arrivals(ended),
            slots=tuple(sorted(self.slots)),
            archives=tuple(self.archives),
            rules=tuple(self.rules),
            also_old=(*self.compacted, *(entry.file for manifest in ended for entry in manifest.files)),
        )

    def _landing(self, match: MatchedFile) -> None:
        removed = match.removed
        kept = read_kept(self.home, match)
        left = kept.select(_MESSAGE).unique()
        ended = removed.unique(_MESSAGE, keep="first", maintain_order=True).join(left, on=_MESSAGE, how="anti")
        messages = removed.select(_MESSAGE).unique()
        self.touched.append(messages)
        self.found.readings += len(removed)
        self.found.messages += len(ended)
        self.found.mixed += len(messages) - len(ended)
        self.found.landing_files += 1
        self.slots.update((removed["event_at"].cast(pl.Int64) // self.slot * self.slot).unique())
        owners = removed["segment"].unique() if match.is_compacted else [match.owner]
        for owner in owners:
            of_owner = pl.lit(value=True) if not match.is_compacted else pl.col("segment") == owner
            self._recount(owner).take_landed(ended.filter(of_owner), len(removed.filter(of_owner)))
        if self.is_real:
            self._write(match, kept)

    def _quarantine(self, match: MatchedFile) -> None:
        self.found.rejects += len(match.removed)
        self.found.messages += int((match.removed["scope"] == "message").sum())
        self.found.quarantine_files += 1
        self.touched.append(match.removed.select(_MESSAGE).unique())
        by_owner = match.removed.partition_by("segment") if match.is_compacted else [match.removed]
        for removed in by_owner:
            self._recount(removed["segment"][0] if match.is_compacted else match.owner).take_rejects(removed)
        if self.is_real:
            self._write(match, read_kept(self.home, match))

    def _write(self, match: MatchedFile, kept: pl.DataFrame) -> None:
        entry: FileEntry | None = None
        path = self._place(match)
        owner = match.owner
        if match.is_compacted:
            owner = "compact-" + hashlib.sha256(f"{match.owner} {self.now}".encode()).hexdigest()[:32]
            path = path.with_name(f"{owner}.parquet")
        if len(kept) and match.kind == "landing":
            rows = kept.with_columns(slot_start=pl.col("event_at").cast(pl.Int64) // self.slot * self.slot)
            entry = write_landing(self.home, path, rows)
        elif len(kept):
            entry = structs.replace(write_quarantine(self.home, path, kept), kind=match.kind)
        self.files.append(NewFile(old=match.file, owner=owner, entry=entry))
        if match.is_compacted:
            self._replace_compaction(match.owner, owner, entry)

    def _replace_compaction(self, old: str, new: str, entry: FileEntry | None) -> None:
        before = need_compaction(self.home, self.ledger, old)
        after = None
        self.compacted += before.replaces
        if entry is None:
            self.emptied += before.replaces
        else:
            after = CompactionManifest(name=new, written_at=before.written_at, file=entry, replaces=before.replaces)
        self.compactions.append(ReplacedCompaction(name=old, new=after))

    def _place(self, match: MatchedFile) -> Path:
        """A new name beside the old file, of the same segment: `<segment>~<time>` as of a relanded one."""
        path = self.home.root / match.file
        name, dot, rest = path.name.partition(".")
        return path.with_name(f"{name.partition('~')[0]}~{self.now}{dot}{rest}")

    def _recount(self, owner: str) -> Recount:
        return self.recounts.setdefault(owner, Recount(self.is_forgotten))

    def _arrivals(self, ended: Sequence[Manifest]) -> dict[int, int]:
        gone = {manifest.segment for manifest in ended}
        found: Counter[int] = Counter()
        for recount in (recount for name, recount in self.recounts.items() if name not in gone):
            found.update(recount.arrivals())
        for manifest in ended:
            found.subtract(manifest.arrivals)
        return {hour: count for hour, count in found.items() if count}

    def _named(self) -> list[str]:
        """Commits whose manifests change."""
        archived = {archive.segment for archive in self.archives}
        owners = {Path(file).name.partition(".")[0].partition("~")[0] for file in self.emptied}
        return sorted({*self.recounts, *owners, *archived, *self.with_facts})

    def _by_bundle(self, names: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
        """Names by the key of the bundle that is rewritten for them, in order of time; and the other names."""
        keys = [(bundle_of(self.home, self.ledger, name), name) for name in names]
        bundled: dict[str, list[str]] = {}
        for key, name in sorted((key, name) for key, name in keys if key is not None):
            bundled.setdefault(key, []).append(name)
        return bundled, [name for key, name in keys if key is None]

    def _stage(self, key: str, names: Collection[str]) -> dict[int, SumChange]:
        """Stage the bundle without what is taken out; one bundle is in memory at a time."""
        recounts = (self.recounts[name] for name in names if name in self.recounts)
        devices = {device for recount in recounts for _, device in recount.change} | {UNKNOWN_DEVICE}
        devices |= {rule.device for rule in self.rules if rule.device is not None}
        bundle = read_bundle(self.home, key)
        pairs = bundle.change([name for name in names if name in bundle.manifests], devices, self._changed)
        stage_bundle(self.home, key, bundle)
        return changes_of_days(self.ledger, pairs)

    def _index(self) -> None:
        """Old files to what replaces them, once for all manifests."""
        self.replaced = {file.old: file.entry for file in self.files} | dict.fromkeys(self.emptied)
        self.replaced |= {archive.entry.file: archive.entry for archive in self.archives}

    def _changed(self, manifest: Manifest) -> Manifest:
        name = manifest.segment
        recount = self.recounts.get(name, Recount(self.is_forgotten))
        changes = recount.counts()
        entries = [self.replaced.get(entry.file, entry) for entry in manifest.files]
        files = tuple(entry for entry in entries if entry is not None)
        received = sum(row.received for row in changes)
        arrivals = Counter(manifest.arrivals)
        arrivals.update(recount.arrivals())
        changed = structs.replace(
            manifest,
            messages=manifest.messages + received,
            landed=manifest.landed + sum(row.landed for row in changes),
            quarantined=manifest.quarantined + sum(row.quarantined for row in changes),
            duplicate=manifest.duplicate + sum(row.duplicate for row in changes),
            forgotten=manifest.forgotten + sum(row.forgotten for row in changes),
            readings=manifest.readings + recount.readings,
            rejected_readings=manifest.rejected_readings + sum(row.rejected_readings for row in changes),
            newest_event_at=max((each.last_event_at for each in files if each.last_event_at is not None), default=None),
            files=files,
            counts=summed(manifest.counts, changes),
            arrivals={hour: count for hour, count in arrivals.items() if count},
        )
        return without_facts(changed, self.rules) if self.rules else changed
