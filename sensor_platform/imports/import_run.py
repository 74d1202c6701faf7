"""One import, from rows to landing files and the manifest. Nothing is visible before its manifest is committed."""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import polars as pl

from sensor_platform.errors import CheckFailed, WrongUse
from sensor_platform.home import Home
from sensor_platform.imports.external_sort import SortedRuns
from sensor_platform.imports.known_imports import mapping_version
from sensor_platform.imports.landing_writer import LandingWriter
from sensor_platform.imports.rejected_rows import RejectedRows
from sensor_platform.imports.row_outcomes import Dictionaries, RowsRead
from sensor_platform.imports.rows import RowReader, plan_of
from sensor_platform.imports.sources import ImportSource, batches
from sensor_platform.kernel.clock import HOUR, utc_from_micros
from sensor_platform.landing.files.landing_table import UNKNOWN_DEVICE
from sensor_platform.landing.ledger import (
    DeviceCounts,
    FileEntry,
    ImportedFile,
    Manifest,
)
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract, contract_version
from sensor_platform.reading.reject_rules import HINTS

_WRITERS = 2
"""Landing files written at once; each takes about 200 bytes of memory for each of its 2 million readings."""


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """Settings of an import."""

    contract: Contract
    """Contract of the columns, as for a message with these fields."""
    limits: TimeLimits
    slot: int
    """Length of a slot in microseconds."""
    separator: str | None = None
    most_refused: float = 0.2
    """Maximum share of rejected rows; above it nothing is imported."""


@dataclass(slots=True)
class ImportRun:
    """One import of files that the ledger does not have yet."""

    home: Home
    plan: ImportPlan
    sources: list[ImportSource]
    received_at: int
    """By the clock, microseconds since the epoch, UTC: the receive time of all rows."""
    written_at: int
    """Time of the commit, which is later than every commit before, also than those by a clock that was ahead."""
    say: Callable[[str], None]
    names: Dictionaries = field(default_factory=Dictionaries)
    entries: list[ImportedFile] = field(default_factory=list)
    outcomes: list[pl.DataFrame] = field(default_factory=list)
    rows: int = 0
    attempt: int = 0
    """How often these files were imported and withdrawn before."""

    @property
    def segment(self) -> str:
        """Name derived from the imported files, so that a second attempt writes the same files."""
        keys = sorted(source.sha256 for source in self.sources)
        keys += [str(self.attempt)] if self.attempt else []
        return f"import-{sha256(''.join(keys).encode()).hexdigest()[:32]}"

    def run(self) -> tuple[Manifest, dict[str, int]]:
        """Write landing files and quarantine; returns the manifest, not yet written, and rejects by rule.

        Raises:
            WrongUse: a file cannot be read, its columns do not fit the mapping, or there is no row.
            CheckFailed: too many rows are refused.
        """
        day = utc_from_micros(self.received_at).date().isoformat()
        quarantine = self.home.quarantine / day / f"{self.segment}.parquet"
        self.home.root.mkdir(parents=True, exist_ok=True)
        readers = [self._reader(source) for source in self.sources]  # before any work: the mapping must fit every file
        with (
            tempfile.TemporaryDirectory(prefix=".import-", dir=self.home.root) as spill,
            RejectedRows(self.home, quarantine, self.segment, self.received_at) as refused,
        ):
            runs = SortedRuns(Path(spill), self.plan.slot)
            for source, reader in zip(self.sources, readers, strict=True):
                self._read(source, reader, runs, refused)
            self._check_share(refused)
            files = self._write(runs, day)
            if (entry := refused.close()) is not None:
                files.append(entry)
        return self._manifest(files, runs.count), dict(refused.rules)

    def _reader(self, source: ImportSource) -> RowReader:
        plan = plan_of(self.plan.contract, source.columns)
        return RowReader(plan, source.columns, self.plan.limits, self.received_at, self.names)

    def _read(self, source: ImportSource, reader: RowReader, runs: SortedRuns, refused: RejectedRows) -> None:
        first = self.rows
        name = source.path.name
        topic = f"import/{name}"
        code = self.names.topics.one(topic)
        for frame in batches(source):
            result = reader.read(frame, self.rows)
            refused.add(frame, result.refused, topic, self.rows)
            runs.add(result.readings.with_columns(pl.lit(code, pl.UInt32).alias("topic")))
            self._count(result)
            self.say(f"{name}: {self.rows - first} rows read")
        entry = ImportedFile(
            sha256=source.sha256,
            name=name,
            rows=self.rows - first,
            first_position=first,
            mapping=mapping_version(self.plan.contract),
        )
        self.entries.append(entry)

    def _count(self, result: RowsRead) -> None:
        self.rows += result.rows
        self.outcomes.append(result.outcomes)
        if len(self.outcomes) > 100:
            self.outcomes = [self._outcome_counts()]

    def _outcome_counts(self) -> pl.DataFrame:
        return pl.concat(self.outcomes).group_by("device").agg(pl.all().sum())

    def _check_share(self, refused: RejectedRows) -> None:
        if not self.rows:
            raise WrongUse("the files hold no rows", "name files with a header line and rows below it")
        outcomes = self._outcome_counts()
        lost = self.rows - int(outcomes["landed"].sum())
        if lost <= self.plan.most_refused * self.rows:
            return
        rule, _ = refused.rules.most_common(1)[0]
        raise CheckFailed(
            f"{lost} of {self.rows} rows are refused, most for {rule!r} ({refused.examples[rule]});"
            " nothing was imported",
            f"{_remedy(rule, refused)}; or allow more with --most-refused",
        )

    def _write(self, runs: SortedRuns, day: str) -> list[FileEntry]:
        """Write the landing files, two at a time: Polars and Arrow work outside the interpreter's lock."""
        writer = LandingWriter(self.home, self.names, self.segment, self.received_at, self.plan.slot)
        folder = self.home.landing / day

        def write(numbered: tuple[int, tuple[int, int]]) -> FileEntry:
            number, (first, last) = numbered
            entry = writer.write(folder / f"{self.segment}.{number:05d}.parquet", runs.read(first, last))
            self.say(f"{entry.file}: {entry.rows} readings")
            return entry

        with ThreadPoolExecutor(_WRITERS) as pool:
            return list(pool.map(write, enumerate(runs.pieces(), 1)))

    def _manifest(self, files: list[FileEntry], readings: int) -> Manifest:
        outcomes = self._outcome_counts()
        hour = self.received_at // HOUR * HOUR
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
            for row in outcomes.iter_rows(named=True)
        ]
        landed = int(outcomes["landed"].sum())
        return Manifest(
            segment=self.segment,
            written_at=self.written_at,
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


def _remedy(rule: str, refused: RejectedRows) -> str:
    """What to do about the rule that refused most rows."""
    if rule != "before_start":
        return f"correct the mapping: {HINTS[rule]}"
    oldest = refused.least_reasons[rule].partition("T")[0].partition(" ")[0]
    return (
        f"the oldest of these rows is of {oldest}: set `start: {oldest}` or earlier in site.yaml, and reload the code"
        " location of a running Dagster"
    )
