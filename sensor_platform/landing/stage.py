"""Decodes one sealed segment and writes its files. Nothing is visible yet: that is the ledger's business."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.landing.files.landing_table import LandingTable
from sensor_platform.landing.files.parquet import file_entry, write_landing, write_quarantine
from sensor_platform.landing.files.paths import aside, segment_paths
from sensor_platform.landing.kind_drift import MAX_DRIFT, decoder_drift, type_drift
from sensor_platform.landing.ledger.manifest import DamagedRange, DriftEntry, FileEntry, Manifest
from sensor_platform.landing.outcomes import OutcomeCounts
from sensor_platform.landing.record_batches import SegmentReader
from sensor_platform.landing.rejects import RejectRows
from sensor_platform.reading.decode import Decoder
from sensor_platform.wal import archive_segment

_PIECE_MESSAGES = 100_000
"""Messages decoded at once: enough for columns to pay, few enough to bound memory."""


@dataclass(slots=True)
class Stage:
    """One segment, decoded."""

    segment: str
    first_received_at: int | None = None
    readings: LandingTable = field(init=False)
    fates: OutcomeCounts = field(init=False)
    refusals: RejectRows = field(default_factory=RejectRows)
    drift: list[DriftEntry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.readings = LandingTable(self.segment)
        self.fates = OutcomeCounts(self.readings.devices)

    def decode(self, intake: SegmentReader, decoder: Decoder) -> None:
        """Decode all messages of the segment."""
        for piece in intake.pieces(_PIECE_MESSAGES):
            if self.first_received_at is None:
                self.first_received_at = piece.messages.received_at[0]
            decoded = decoder.decode(piece.messages)
            devices = self.readings.device_numbers(decoded)
            self.readings.add(piece, decoded, devices)
            self.fates.add(piece, decoded, devices, self.refusals.add(self.segment, piece, decoded))
            self.drift.extend(decoder_drift(piece, decoded))


def stage_segment(
    home: Home,
    sealed: Path,
    decoder: Decoder,
    contract_version: str,
    slot: int,
    clock: Callable[[], int],
    suffix: str = "",
) -> Manifest:
    """Write landing, quarantine and raw file of a sealed segment; returns the manifest, not yet written.

    Repeating it writes the same names again.

    Args:
        home: the data folder.
        sealed: the `.wal` file.
        decoder: of the contracts in force.
        contract_version: theirs.
        slot: microseconds.
        clock: microseconds since the epoch, UTC; asked when the files are written.
        suffix: of the new files' names, when a segment of the archive is landed again; it stays archived as it is.

    Raises:
        OSError: the disk does not allow it now.
        DamagedSegment: the segment is of a format that this version does not read.
    """
    intake = SegmentReader(sealed)
    stage = Stage(sealed.stem)
    stage.decode(intake, decoder)
    stage.drift.extend(type_drift(stage.readings, decoder.memory))
    readings = stage.readings.table(slot)
    files = _write_files(home, sealed, stage, readings, suffix)
    counts = stage.fates.counts()
    return Manifest(
        segment=stage.segment,
        written_at=clock(),
        contract_version=contract_version,
        messages=sum(row.received for row in counts),
        landed=sum(row.landed for row in counts),
        quarantined=sum(row.quarantined for row in counts),
        duplicate=sum(row.duplicate for row in counts),
        readings=len(readings),
        rejected_readings=sum(row.rejected_readings for row in counts),
        newest_event_at=max((file.last_event_at for file in files if file.last_event_at is not None), default=None),
        files=files,
        counts=counts,
        arrivals=intake.arrivals(),
        damage=_keep_damage(home, intake),
        drift=tuple(stage.drift[:MAX_DRIFT]),
        kinds=tuple((*key, kinds) for key, kinds in sorted(decoder.memory.new_kinds.items())),
    )


def _write_files(home: Home, sealed: Path, stage: Stage, readings: pl.DataFrame, suffix: str) -> tuple[FileEntry, ...]:
    paths = segment_paths(home, stage.segment, stage.first_received_at, suffix)
    files: list[FileEntry] = []
    if len(readings):
        files.append(write_landing(home, paths.landing, readings))
    if len(stage.refusals):
        files.append(write_quarantine(home, paths.quarantine, stage.refusals.table()))
    if not suffix:
        archive_segment(sealed, paths.raw)
        files.append(file_entry(home, paths.raw, "raw", 0))
    return tuple(files)


def _keep_damage(home: Home, intake: SegmentReader) -> tuple[DamagedRange, ...]:
    """Put damaged bytes aside, where they outlive the raw archive."""
    for found in intake.damage:
        if intake.path.suffix == ".zst":
            continue  # they are there since the segment was landed first
        with intake.path.open("rb") as file:
            file.seek(found.offset)
            write_file(aside(home) / f"{intake.path.stem}.{found.offset}.damaged", file.read(found.length))
    return tuple(DamagedRange(start=found.offset, bytes=found.length) for found in intake.damage)
