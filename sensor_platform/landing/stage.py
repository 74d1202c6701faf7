"""Decodes one sealed segment and writes its files. They become visible when the ledger commits."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.landing.files.landing_table import LandingTable
from sensor_platform.landing.files.parquet import file_entry, write_landing, write_quarantine
from sensor_platform.landing.files.paths import aside, segment_paths
from sensor_platform.landing.forget.decoded import DecodedRows, without_forgotten
from sensor_platform.landing.forget.masks import RuleChoice
from sensor_platform.landing.forget.standing import NO_RULES, Standing
from sensor_platform.landing.kind_drift import MAX_DRIFT, decoder_drift, type_drift
from sensor_platform.landing.ledger.device_counts import summed
from sensor_platform.landing.ledger.manifest import DamagedRange, DriftEntry, FileEntry, HeardDevice, Manifest
from sensor_platform.landing.outcomes import OutcomeCounts
from sensor_platform.landing.record_batches import SegmentBatch, SegmentReader
from sensor_platform.landing.rejects import RejectRows
from sensor_platform.landing.retained_repeats import RetainedRepeats
from sensor_platform.reading.batch import Decoded
from sensor_platform.reading.decode import Decoder
from sensor_platform.wal import archive_redacted, archive_segment, is_blanked

_BATCH_MESSAGES = 100_000
"""Messages decoded at once: enough for fast columns, few enough to bound memory."""


@dataclass(slots=True)
class Stage:
    """Everything decoded from one segment."""

    segment: str
    first_received_at: int | None = None
    readings: LandingTable = field(init=False)
    outcomes: OutcomeCounts = field(init=False)
    rejects: RejectRows = field(default_factory=RejectRows)
    drift: list[DriftEntry] = field(default_factory=list)
    is_checked: bool = False
    """Whether something in it may be forgotten: duplicates and owners of messages are kept too."""
    repeated: LandingTable = field(init=False)
    repeated_rejects: RejectRows = field(default_factory=RejectRows)
    repeated_positions: set[int] = field(default_factory=set)
    blanked: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.readings = LandingTable(self.segment)
        self.repeated = LandingTable(self.segment)
        self.outcomes = OutcomeCounts(self.readings.devices, owners=[] if self.is_checked else None)

    def decode(self, reader: SegmentReader, decoder: Decoder, repeats: RetainedRepeats) -> None:
        """Decode all messages of the segment."""
        for batch in reader.batches(_BATCH_MESSAGES):
            if self.first_received_at is None:
                self.first_received_at = batch.messages.received_at[0]
            decoded = decoder.decode(batch.messages)
            if batch.messages.retained:
                repeats.mark(batch, decoded)
            devices = self.readings.device_numbers(decoded)
            self.readings.add(batch, decoded, devices)
            self.outcomes.add(batch, decoded, devices, self.rejects.add(self.segment, batch, decoded))
            self.drift.extend(decoder_drift(batch, decoded))
            if reader.path.suffix == ".zst":
                topics = enumerate(batch.messages.topics, batch.position)
                self.blanked.update(position for position, topic in topics if is_blanked(topic))
            if self.is_checked and batch.duplicates:
                self._repeated(batch, decoded)

    def rows(self, slot: int, carried: pl.DataFrame | None = None) -> DecodedRows:
        """Everything decoded, as columns of files.

        Args:
            slot: microseconds.
            carried: readings of blanked messages, which stay.
        """
        repeated, rejects = self.repeated.table(slot), self.repeated_rejects.table()
        positions = pl.Series(sorted(self.repeated_positions), dtype=pl.Int64).implode()
        return DecodedRows(
            readings=self.readings.table(slot),
            rejects=self.rejects.table(),
            repeated=repeated.filter(pl.col("position").is_in(positions)),
            repeated_rejects=rejects.filter(pl.col("position").is_in(positions)),
            owners=self.outcomes.owner_of_each(),
            blanked=self.blanked,
            carried=carried,
        )

    def _repeated(self, batch: SegmentBatch, decoded: Decoded) -> None:
        """Readings and rejects of duplicates: they do not land, but the archive has their messages."""
        every = replace(batch, duplicates=set())
        self.repeated.add(every, decoded, self.repeated.device_numbers(decoded))
        self.repeated_rejects.add(self.segment, every, decoded)
        self.repeated_positions.update(batch.position + index for index in batch.duplicates)


def stage_segment(
    home: Home,
    sealed: Path,
    decoder: Decoder,
    contract_version: str,
    slot: int,
    clock: Callable[[], int],
    suffix: str = "",
    forgets: Standing = NO_RULES,
    carried: Callable[[Collection[int]], pl.DataFrame | None] = lambda positions: None,  # noqa: ARG005
) -> Manifest:
    """Write landing, quarantine and raw file of a sealed segment; returns the manifest, not yet written.

    Repeating it writes the same file names.

    Args:
        home: the data folder.
        sealed: the `.wal` file.
        decoder: of the contracts in force.
        contract_version: theirs.
        slot: microseconds.
        clock: microseconds since the epoch, UTC; asked when the files are written.
        suffix: of the new files' names when an archived segment is relanded; its archive is not written again.
        forgets: the rules of what is forgotten; what they take has the outcome `forgotten`, and is not archived.
        carried: readings, with `slot_start`, of messages that were blanked in the archive and stay landed.

    Raises:
        OSError: the disk does not allow it now.
        DamagedSegment: the segment is of a format that this version does not read.
    """
    reader = SegmentReader(sealed)
    stage = Stage(sealed.stem, is_checked=bool(forgets) or sealed.suffix == ".zst")
    stage.decode(reader, decoder, RetainedRepeats(home, sealed.stem, slot))
    stage.drift.extend(type_drift(stage.readings, decoder.memory))
    counts = stage.outcomes.counts()
    drift, new_kinds = stage.drift, decoder.memory.new_kinds
    positions: frozenset[int] = frozenset()
    if forgets or stage.blanked:
        left = without_forgotten(stage.rows(slot, carried(stage.blanked)), RuleChoice(forgets.rules))
        readings, rejects, positions = left.readings, left.rejects, left.positions
        counts = summed(counts, left.counts)
        drift = [each for each in drift if each.position not in positions]
        for series in left.series:
            new_kinds.pop(series, None)
    else:
        readings, rejects = stage.readings.table(slot), stage.rejects.table()
    files = _write_files(home, sealed, stage, readings, rejects, suffix, positions)
    return Manifest(
        segment=stage.segment,
        written_at=clock(),
        contract_version=contract_version,
        messages=sum(row.received for row in counts),
        landed=sum(row.landed for row in counts),
        quarantined=sum(row.quarantined for row in counts),
        duplicate=sum(row.duplicate for row in counts),
        forgotten=sum(row.forgotten for row in counts),
        readings=len(readings),
        rejected_readings=sum(row.rejected_readings for row in counts),
        newest_event_at=max((file.last_event_at for file in files if file.last_event_at is not None), default=None),
        files=files,
        counts=counts,
        arrivals=reader.arrivals(),
        damage=_keep_damage(home, reader),
        drift=tuple(drift[:MAX_DRIFT]),
        heard=_heard(readings),
        kinds=tuple((*key, kinds) for key, kinds in sorted(new_kinds.items())),
    )


def _heard(readings: pl.DataFrame) -> tuple[HeardDevice, ...]:
    event, received = pl.col("event_at").cast(pl.Int64), pl.col("received_at").cast(pl.Int64)
    found = readings.group_by("device_id").agg(
        heard_at=received.max(), event_at=pl.min_horizontal(event, received).max(), ahead=(event - received).max()
    )
    return tuple(HeardDevice(**row) for row in found.sort("device_id").iter_rows(named=True))


def _write_files(
    home: Home,
    sealed: Path,
    stage: Stage,
    readings: pl.DataFrame,
    rejects: pl.DataFrame,
    suffix: str,
    positions: frozenset[int],
) -> tuple[FileEntry, ...]:
    paths = segment_paths(home, stage.segment, stage.first_received_at, suffix)
    files: list[FileEntry] = []
    if len(readings):
        files.append(write_landing(home, paths.landing, readings))
    if len(rejects):
        files.append(write_quarantine(home, paths.quarantine, rejects))
    if not suffix:
        if positions:
            archive_redacted(sealed, paths.raw, positions)
        else:
            archive_segment(sealed, paths.raw)
        files.append(file_entry(home, paths.raw, "raw", 0))
    return tuple(files)


def _keep_damage(home: Home, reader: SegmentReader) -> tuple[DamagedRange, ...]:
    """Copy damaged bytes to the folder `aside`, where they are kept longer than the raw archive."""
    for found in reader.damage:
        if reader.path.suffix == ".zst":
            continue  # they were copied when the segment was first landed
        with reader.path.open("rb") as file:
            file.seek(found.offset)
            write_file(aside(home) / f"{reader.path.stem}.{found.offset}.damaged", file.read(found.length))
    return tuple(DamagedRange(start=found.offset, bytes=found.length) for found in reader.damage)
