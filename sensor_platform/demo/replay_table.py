"""Reads a Parquet, CSV or NDJSON file for replay: rows in order of time, with the columns that name device and time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from sensor_platform.devices.replay_rows import Cell
from sensor_platform.errors import WrongUse
from sensor_platform.kernel.table_files import unreadable
from sensor_platform.reading.times import EPOCH_SCALES, epoch_unit

if TYPE_CHECKING:
    import polars as pl

_DEVICE_NAMES = ("deviceid", "sensorid", "generatorid", "device", "station", "id")
_TIME_NAMES = ("timestamp", "ts", "time", "eventat")
_BATCH_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a file, sorted by time if the file has a time column."""

    frame: "pl.DataFrame"
    device_column: str | None
    time_column: str | None

    def rows(self) -> Iterator[dict[str, Cell]]:
        """Rows as Python values."""
        for start in range(0, len(self.frame), _BATCH_ROWS):
            yield from self.frame.slice(start, _BATCH_ROWS).iter_rows(named=True)

    def newest(self, zone: tzinfo) -> datetime:
        """Time of the last row, aware.

        Raises:
            WrongUse: no row has a time.
        """
        newest = self.frame[self.time_column].max() if self.time_column else None
        if not isinstance(newest, datetime):
            raise WrongUse("the file has no time column to shift", "name the column with --time-column")
        return newest if newest.tzinfo else newest.replace(tzinfo=zone)


def read_table(path: Path, device_column: str | None = None, time_column: str | None = None) -> Table:
    """Read the whole file into memory and sort it by time.

    Columns that are not named are looked for by the usual names, regardless of case and underscores.

    Raises:
        WrongUse: the file cannot be read, or the column does not exist.
    """
    frame = _read(path)
    device = _column(frame, device_column, _DEVICE_NAMES)
    time = _column(frame, time_column, _TIME_NAMES)
    if time is not None:
        frame = _with_times(frame, time, path).sort(time, maintain_order=True)
    return Table(frame, device, time)


def _read(path: Path) -> "pl.DataFrame":
    import polars as pl

    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        ".parquet": pl.read_parquet,
        ".csv": pl.read_csv,
        ".ndjson": pl.read_ndjson,
        ".jsonl": pl.read_ndjson,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise WrongUse(f"cannot replay {path.name}", f"use one of {', '.join(readers)}")
    try:
        return reader(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise unreadable(path, error, "check the file") from error


def _column(frame: "pl.DataFrame", wanted: str | None, usual: tuple[str, ...]) -> str | None:
    if wanted is not None:
        if wanted not in frame.columns:
            raise WrongUse(f"column {wanted!r} does not exist in the file", f"columns are {', '.join(frame.columns)}")
        return wanted
    by_name = {column.replace("_", "").lower(): column for column in frame.columns}
    return next((by_name[name] for name in usual if name in by_name), None)


def _with_times(frame: "pl.DataFrame", column: str, path: Path) -> "pl.DataFrame":
    """Convert `column` to Datetime in microseconds, from ISO 8601 text or epoch numbers."""
    import polars as pl

    values = frame[column]
    try:
        if values.dtype == pl.String:
            values = _parsed(values)
        elif values.dtype == pl.Date:
            values = values.cast(pl.Datetime("us"))
        elif values.dtype.is_numeric():
            values = _from_epoch(values)
        return frame.with_columns(values.dt.cast_time_unit("us").alias(column))
    except (ValueError, pl.exceptions.PolarsError) as error:
        raise WrongUse(
            f"{path.name}: column {column!r} ({frame[column].dtype}) holds no times", "name another with --time-column"
        ) from error


def _parsed(values: "pl.Series") -> "pl.Series":
    """Parse ISO 8601 text. Text with a zone becomes UTC; one file does not mix both forms."""
    import polars as pl

    first = values.drop_nulls().head(1).to_list()
    if not first:
        return values.cast(pl.Datetime("us"))
    has_zone = datetime.fromisoformat(first[0]).tzinfo is not None
    return values.str.to_datetime(time_unit="us", time_zone="UTC" if has_zone else None)


def _from_epoch(values: "pl.Series") -> "pl.Series":
    """Epoch seconds, milliseconds, microseconds or nanoseconds, distinguished by magnitude; aware UTC."""
    import polars as pl

    largest = values.abs().max()
    assert isinstance(largest, int | float) or largest is None
    scale = EPOCH_SCALES[epoch_unit(largest or 0)]
    return (values.cast(pl.Float64) * scale).round(0).cast(pl.Int64).cast(pl.Datetime("us", "UTC"))
