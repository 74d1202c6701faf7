"""Finds the visible files that hold chosen rows."""

import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.landing.ledger.manifest import FileKind
from sensor_platform.landing.removal.choice import KEYS, RowChoice

_HINT = "run `sensor-platform audit --verify` first: it sets damaged files aside"


@dataclass(frozen=True, slots=True)
class MatchedFile:
    """A visible file with chosen rows."""

    file: str
    """Path relative to home."""
    owner: str
    """The commit or compaction that made it."""
    kind: FileKind
    removed: pl.DataFrame
    """Its chosen rows: `KEYS` of a landing file, all columns of a quarantine file."""
    mask: pl.Series
    """True for each chosen row of the file, in its order."""

    @property
    def is_compacted(self) -> bool:
        """Whether the file holds the readings of several commits."""
        return self.owner.startswith("compact-")


def matched_landing(
    home: Home, ledger: sqlite3.Connection, choice: RowChoice, only: Collection[str] | None = None
) -> Iterator[MatchedFile]:
    """Landing files with chosen readings, by name; of `only` these files.

    Raises:
        CheckFailed: a file is missing or has another number of rows.
    """
    first, end = choice.span
    rows = ledger.execute(
        "select file, segment, rows from files where kind = 'landing' and replaced_at is null"
        " and last_event_at >= ? and first_event_at < ? order by file",
        (first, end),
    )
    for file, owner, count in rows.fetchall():
        if only is not None and file not in only:
            continue
        frame = _read(home.root / file, count, KEYS)
        mask = choice.landing(frame)
        if mask.any():
            yield MatchedFile(file, owner, "landing", frame.filter(mask), mask)


def matched_quarantine(
    home: Home,
    ledger: sqlite3.Connection,
    choice: RowChoice,
    touched: pl.DataFrame,
    only: Collection[str] | None = None,
) -> Iterator[MatchedFile]:
    """Files of rejects with chosen rows, by name; dropped ones too.

    Args:
        home: the data folder.
        ledger: open.
        choice: of the rows.
        touched: segment and position of messages that are taken away whole: their rejects hold their payload.
        only: look at these files only.

    Raises:
        CheckFailed: a file is missing or has another number of rows.
    """
    rows = ledger.execute(
        "select file, segment, kind, rows from files where kind in ('quarantine', 'dropped') and replaced_at is null"
        " order by file"
    )
    for file, owner, kind, count in rows.fetchall():
        if only is not None and file not in only:
            continue
        frame = _read(home.root / file, count, None)
        mask = choice.quarantine(frame) | _is_among(frame, touched)
        if mask.any():
            yield MatchedFile(file, owner, kind, frame.filter(mask), mask)


def read_kept(home: Home, match: MatchedFile) -> pl.DataFrame:
    """The rows of a file that stay, with all columns."""
    return pl.read_parquet(home.root / match.file, hive_partitioning=False).filter(~match.mask)


def _is_among(frame: pl.DataFrame, touched: pl.DataFrame) -> pl.Series:
    marked = touched.unique().with_columns(is_touched=pl.lit(value=True))
    joined = frame.select("segment", "position").join(
        marked, on=["segment", "position"], how="left", maintain_order="left"
    )
    return joined["is_touched"].fill_null(value=False)


def _read(path: Path, count: int, columns: tuple[str, ...] | None) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path, columns=None if columns is None else list(columns), hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CheckFailed(f"{path} cannot be read: {error}", _HINT) from error
    if len(frame) != count:
        raise CheckFailed(f"{path} has {len(frame)} rows, the ledger has {count}", _HINT)
    return frame
