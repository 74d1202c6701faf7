"""Opens CSV and Parquet files of history as frames of rows, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.durable import sha256
from sensor_platform.kernel.table_files import PARQUET_SUFFIXES, has_parquet_suffix, unreadable

BATCH_ROWS = 500_000
EXTRA = "\0extra"
"""Column of cells beyond the header of a CSV file; no file can have a column of this name."""
_SUFFIXES = (".csv", ".tsv", ".txt", *sorted(PARQUET_SUFFIXES))
_HINT = "check that it is whole, its separator, and that every quote is closed"


@dataclass(frozen=True, slots=True)
class ImportSource:
    """One file of history."""

    path: Path
    sha256: str
    """SHA-256 of its bytes, which identifies the file."""
    columns: tuple[str, ...]
    separator: str


def open_source(path: Path, separator: str | None) -> ImportSource:
    """Open a file: its columns and its checksum.

    Args:
        path: CSV (with a header line) or Parquet, by suffix.
        separator: of cells; None for a comma, or a tab in `.tsv`.

    Raises:
        WrongUse: it does not exist, or is neither CSV nor Parquet.
    """
    if not path.is_file():
        raise WrongUse(f"{path} is not a file", "name CSV or Parquet files")
    if path.suffix.lower() not in _SUFFIXES:
        raise WrongUse(f"{path} is neither CSV nor Parquet by its name", f"known endings: {', '.join(_SUFFIXES)}")
    separator = separator or ("\t" if path.suffix.lower() == ".tsv" else ",")
    try:
        columns = tuple(_scan(path, separator).collect_schema().names())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path, error, _HINT) from error
    if twice := next((name for name in columns if name.endswith("_duplicated_0")), None):
        name = twice.removesuffix("_duplicated_0")
        raise WrongUse(f"{path} has two columns {name!r}", "rename one of them in its first line")
    return ImportSource(path, sha256(path), columns, separator)


def batches(source: ImportSource) -> Iterator[pl.DataFrame]:
    """The rows of a file in order, in frames of at most about `BATCH_ROWS`. CSV cells are texts; blank ones are null.

    Raises:
        WrongUse: the file is damaged, or not CSV from some line on.
    """
    frames = _scan(source.path, source.separator, source.columns).collect_batches(
        chunk_size=BATCH_ROWS, maintain_order=True
    )
    try:
        for frame in frames:
            for start in range(0, len(frame), BATCH_ROWS):
                yield frame.slice(start, BATCH_ROWS)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(source.path, error, _HINT) from error


def _scan(path: Path, separator: str, columns: tuple[str, ...] = ()) -> pl.LazyFrame:
    if has_parquet_suffix(path):
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    if not columns:
        return pl.scan_csv(path, separator=separator, infer_schema=False, glob=False)
    return pl.scan_csv(
        path,
        separator=separator,
        schema=dict.fromkeys((*columns, EXTRA), pl.String()),
        missing_columns="insert",
        extra_columns="ignore",
        encoding="utf8-lossy",
        glob=False,
    ).filter(~pl.all_horizontal(pl.all().is_null()))
