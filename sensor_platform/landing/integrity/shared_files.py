"""Visible files by segment: a segment's own, and compacted ones, which hold the rows of several segments."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.landing.ledger.manifest import Manifest
from sensor_platform.landing.ledger.visible_files import LandingFile, compacted_rejects, landing_files
from sensor_platform.landing.manifests.manifest_store import find_compaction

_SHARED = "compact-"
_HINT = "run `sensor-platform audit --verify`: it sets damaged files aside"


@dataclass(slots=True)
class RowFiles:
    """Finds the files with rows of a segment. Remembers which segments a compacted file holds."""

    home: Home
    ledger: sqlite3.Connection
    _members: dict[str, frozenset[str]] = field(default_factory=dict)

    def files_of(self, manifest: Manifest) -> list[LandingFile]:
        """Visible landing files with rows of a segment, by name.

        Args:
            manifest: of the segment, with everything that was requeued of it.
        """
        slots = {slot for entry in manifest.files for slot in entry.slots}
        own = {entry.file for entry in manifest.files}
        return [
            file
            for file in landing_files(self.ledger, self.home, slots)
            if self.name(file) in own or (is_shared(file) and manifest.segment in self._segments(file))
        ]

    def shared_by(self, manifest: Manifest) -> list[str]:
        """Visible compacted files with readings or rejects of a segment, relative to home."""
        days = {entry.file.split("/")[-2] for entry in manifest.files if entry.kind == "quarantine"}
        rejects = (file for day in sorted(days) for file in compacted_rejects(self.ledger, self.home, day))
        shared = [
            *(file for file in self.files_of(manifest) if is_shared(file)),
            *(file for file in rejects if manifest.segment in self._segments(file)),
        ]
        return [self.name(file) for file in shared]

    def rows_of(self, manifest: Manifest, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The visible readings of a segment. Files that are missing have none.

        Args:
            manifest: as in `files_of`.
            columns: of a landing file; None for all.

        Raises:
            CheckFailed: a file cannot be read.
        """
        paths = [file.path for file in self.files_of(manifest) if file.path.exists()]
        frames = [read_rows(path, columns, pl.col("segment") == manifest.segment) for path in paths]
        return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()

    def read(self, file: LandingFile, where: pl.Expr) -> pl.DataFrame:
        """Rows of a file.

        Raises:
            CheckFailed: it cannot be read.
        """
        return read_rows(file.path, None, where)

    def name(self, file: LandingFile) -> str:
        """Path relative to home."""
        return str(file.path.relative_to(self.home.root))

    def _segments(self, file: LandingFile) -> frozenset[str]:
        name = self.name(file)
        if name not in self._members:
            if file.path.exists():
                found = read_rows(file.path, ["segment"])["segment"].unique().to_list()
            else:
                found = compacted_segments(self.home, self.ledger, file.segment)
            self._members[name] = frozenset(found)
        return self._members[name]


def is_shared(file: LandingFile) -> bool:
    """Whether a file may hold rows of several segments."""
    return file.segment.startswith(_SHARED)


def is_shared_path(file: str | Path) -> bool:
    """`is_shared`, by the path."""
    return Path(file).name.startswith(_SHARED)


def read_rows(path: Path, columns: Sequence[str] | None = None, where: pl.Expr | None = None) -> pl.DataFrame:
    """Rows of a landing file.

    Raises:
        CheckFailed: it cannot be read.
    """
    try:
        rows = pl.scan_parquet(path, hive_partitioning=False)
        rows = rows if where is None else rows.filter(where)
        return (rows if columns is None else rows.select(columns)).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CheckFailed(f"{path} cannot be read: {error}", _HINT) from error


def compacted_segments(home: Home, ledger: sqlite3.Connection, name: str) -> list[str]:
    """Segments whose files a compaction replaced, by its manifest; none if that is gone."""
    compaction = find_compaction(home, ledger, name)
    return (
        [] if compaction is None else list(dict.fromkeys(segment_of(Path(file).stem) for file in compaction.replaces))
    )


def segment_of(stem: str) -> str:
    """The segment in the name of a landing file: a later file of the same segment has `~` and a time after it."""
    return stem.partition("~")[0]


def without(rows: pl.DataFrame, messages: Collection[tuple[str, int]]) -> pl.DataFrame:
    """The rows that are not of these messages, given by segment and position."""
    gone = pl.DataFrame(list(messages), {"segment": pl.String, "position": pl.Int64}, orient="row")
    return rows.join(gone, on=["segment", "position"], how="anti", maintain_order="left")
