"""Imports files of history: rows to sorted landing files, then manifest, then ledger commit. All files or none.

A file is known by the checksum of its bytes. One that the ledger knows is passed over, so importing twice adds nothing,
and a killed import is simply repeated: its files have the same names and are written over.
"""

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import polars as pl

from sensor_platform.errors import CheckFailed, WrongUse
from sensor_platform.home import Home
from sensor_platform.imports.external_sort import SortedRuns
from sensor_platform.imports.landing_writer import LandingWriter
from sensor_platform.imports.refused_rows import RefusedRows
from sensor_platform.imports.row_outcomes import Dictionaries, Tidied
from sensor_platform.imports.rows import Tidier, plan_of
from sensor_platform.imports.sources import ImportSource, batches, open_source
from sensor_platform.kernel.clock import HOUR, utc_from_micros
from sensor_platform.landing.files.landing_table import UNKNOWN_DEVICE
from sensor_platform.landing.files.leftovers import clear_changes
from sensor_platform.landing.lander_lock import changes_lock
from sensor_platform.landing.ledger import (
    DeviceCounts,
    FileEntry,
    Manifest,
    SourceEntry,
    commit_segment,
    imported_files,
    next_commit_time,
    open_ledger,
    write_manifest,
)
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract, contract_version

_WRITERS = 2
"""Landing files written at once; each takes about 200 bytes of memory for each of its 2 million readings."""


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import is told."""

    contract: Contract
    """What the columns mean, as for a message with these fields."""
    limits: TimeLimits
    slot: int
    """Microseconds."""
    separator: str | None = None
    most_refused: float = 0.2
    """Share of rows; where more are refused, nothing is imported."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    segment: str | None
    """None where every file was known."""
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
) -> Imported:
    """Import what the ledger does not know yet.

    Args:
        home: the data folder.
        paths: CSV or Parquet files.
        plan: what the columns mean, and the limits.
        clock: microseconds since the epoch, UTC.
        say: takes a line on progress.

    Raises:
        WrongUse: a file cannot be read, or its columns do not fit the mapping.
        CheckFailed: too many rows are refused; nothing was imported.
        Unreachable: another import works on this home.
        OSError: the disk does not allow it; import again.
    """
    with changes_lock(home), open_ledger(home) as ledger:
        clear_changes(home, ledger)
        sources = {source.sha256: source for source in (open_source(path, plan.separator) for path in paths)}
        known = imported_files(ledger, sources)
        passed = tuple(str(sources.pop(key).path) for key in known)
        if not sources:
            return Imported(None, passed, 0, 0, 0, 0, {}, 0, None, None)
        now = next_commit_time(ledger, clock())
        manifest, rules = _Import(home, plan, list(sources.values()), now, say).run()
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


@dataclass(slots=True)
class _Import:
    home: Home
    plan: ImportPlan
    sources: list[ImportSource]
    now: int
    say: Callable[[str], None]
    names: Dictionaries = field(default_factory=Dictionaries)
    entries: list[SourceEntry] = field(default_factory=list)
    fates: list[pl.DataFrame] = field(default_factory=list)
    rows: int = 0

    @property
    def segment(self) -> str:
        """Named after what is imported, so that a second try writes the same files."""
        keys = sorted(source.sha256 for source in self.sources)
        return f"import-{sha256(''.join(keys).encode()).hexdigest()[:32]}"

    def run(self) -> tuple[Manifest, dict[str, int]]:
        day = utc_from_micros(self.now).date().isoformat()
        quarantine = self.home.quarantine / day / f"{self.segment}.parquet"
        self.home.root.mkdir(parents=True, exist_ok=True)
        tidiers = [self._tidier(source) for source in self.sources]  # before any work: does the mapping fit them all?
        with (
            tempfile.TemporaryDirectory(prefix=".import-", dir=self.home.root) as spill,
            RefusedRows(self.home, quarantine, self.segment, self.now) as refused,
        ):
            runs = SortedRuns(Path(spill), self.plan.slot)
            for source, tidier in zip(self.sources, tidiers, strict=True):
                self._read(source, tidier, runs, refused)
            self._check_share(refused)
            files = self._write(runs, day)
            if (entry := refused.close()) is not None:
                files.append(entry)
        return self._manifest(files, runs.count), dict(refused.rules)

    def _tidier(self, source: ImportSource) -> Tidier:
        plan = plan_of(self.plan.contract, source.columns)
        return Tidier(plan, source.columns, self.plan.limits, self.now, self.names)

    def _read(self, source: ImportSource, tidier: Tidier, runs: SortedRuns, refused: RefusedRows) -> None:
        first = self.rows
        name = source.path.name
        topic = f"import/{name}"
        code = self.names.topics.one(topic)
        for frame in batches(source):
            tidied = tidier.tidy(frame, self.rows)
            refused.add(frame, tidied.refused, topic, self.rows)
            runs.add(tidied.readings.with_columns(pl.lit(code, pl.UInt32).alias("topic")))
            self._count(tidied)
            self.say(f"{name}: {self.rows - first} rows read")
        self.entries.append(SourceEntry(sha256=source.sha256, name=name, rows=self.rows - first, first_position=first))

    def _count(self, tidied: Tidied) -> None:
        self.rows += tidied.rows
        self.fates.append(tidied.fates)
        if len(self.fates) > 100:
            self.fates = [self._fates()]

    def _fates(self) -> pl.DataFrame:
        return pl.concat(self.fates).group_by("device").agg(pl.all().sum())

    def _check_share(self, refused: RefusedRows) -> None:
        if not self.rows:
            raise WrongUse("the files hold no rows", "name files with a header line and rows below it")
        fates = self._fates()
        lost = self.rows - int(fates["landed"].sum())
        if lost <= self.plan.most_refused * self.rows:
            return
        rule, _ = refused.rules.most_common(1)[0]
        raise CheckFailed(
            f"{lost} of {self.rows} rows are refused, most for {rule!r} ({refused.examples[rule]});"
            " nothing was imported",
            "correct the mapping, or allow more with --most-refused",
        )

    def _write(self, runs: SortedRuns, day: str) -> list[FileEntry]:
        """Write the landing files, two at a time: Polars and Arrow work outside the interpreter's lock."""
        writer = LandingWriter(self.home, self.names, self.segment, self.now, self.plan.slot)
        folder = self.home.landing / day

        def write(numbered: tuple[int, tuple[int, int]]) -> FileEntry:
            number, (first, last) = numbered
            entry = writer.write(folder / f"{self.segment}.{number:05d}.parquet", runs.read(first, last))
            self.say(f"{entry.file}: {entry.rows} readings")
            return entry

        with ThreadPoolExecutor(_WRITERS) as pool:
            return list(pool.map(write, enumerate(runs.pieces(), 1)))

    def _manifest(self, files: list[FileEntry], readings: int) -> Manifest:
        fates = self._fates()
        hour = self.now // HOUR * HOUR
        devices = self.names.devices.texts()
        counts = [
            DeviceCounts(
                hour=hour,
                device_id=UNKNOWN_DEVICE if row["device"] is None else devices[row["device"]],
                received=row["received"],
                landed=row["landed"],
                quarantined=row["received"] - row["landed"],
                duplicate=0,
                rejected_readings=row["rejected_readings"],
            )
            for row in fates.iter_rows(named=True)
        ]
        landed = int(fates["landed"].sum())
        return Manifest(
            segment=self.segment,
            written_at=self.now,
            contract_version=contract_version((self.plan.contract,)),
            messages=self.rows,
            landed=landed,
            quarantined=self.rows - landed,
            duplicate=0,
            readings=readings,
            rejected_readings=sum(row.rejected_readings for row in counts),
            newest_event_at=max((file.last_event_at for file in files if file.last_event_at is not None), default=None),
            files=tuple(files),
            counts=tuple(sorted(counts, key=lambda row: row.device_id)),
            arrivals={hour: self.rows},
            sources=tuple(self.entries),
        )
