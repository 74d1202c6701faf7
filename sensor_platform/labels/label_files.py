"""Labels from files: failure times, events or classes as CSV or Parquet. All rows are imported, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.table_files import has_parquet_suffix, unreadable
from sensor_platform.labels.label_store import Label, new_label

if TYPE_CHECKING:
    import polars as pl

_DEVICE = ("device_id", "device", "machine", "machine_id", "unit", "asset", "sensor_id", "id")
_START = ("start_at", "start", "time", "timestamp", "datetime", "event_at", "failed_at", "at", "date")
_END = ("end_at", "end", "until", "resolved_at")
_LABEL = ("label", "class", "event", "failure", "kind", "type")


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Names of columns; None for the usual names. `text` is the label of all rows, instead of a column."""

    device: str | None = None
    start: str | None = None
    end: str | None = None
    label: str | None = None
    text: str | None = None


def read_file(file: Path, columns: LabelColumns, now: int) -> list[Label]:
    """The labels of a file. Equal rows have equal ids, so that importing a file twice adds nothing.

    Args:
        file: CSV or Parquet; times without a zone are UTC, numbers are seconds since the epoch.
        columns: names of its columns.
        now: microseconds since the epoch; created_at of all.

    Raises:
        WrongUse: naming the column or the first row that is wrong; nothing is imported then.
    """
    import polars as pl

    if not file.is_file():
        raise WrongUse(f"{file} does not exist", "name a Parquet or CSV file")
    try:
        frame = pl.read_parquet(file) if has_parquet_suffix(file) else pl.read_csv(file, try_parse_dates=True)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(file, error, "name a Parquet or CSV file") from error
    device = _column(frame, columns.device, _DEVICE, "--device")
    start = _column(frame, columns.start, _START, "--start")
    end = columns.end or next((name for name in _END if name in frame.columns), None)
    texts = [columns.text] * frame.height if columns.text else _texts(frame, columns)
    starts = _moments(frame, start, "--start")
    ends = _moments(frame, _column(frame, end, (), "--end"), "--end") if end else [None] * frame.height
    names = frame[device].cast(pl.String).to_list()
    found = []
    for number, (name, first, last, text) in enumerate(zip(names, starts, ends, texts, strict=True), start=1):
        if not name or first is None or not text:
            raise WrongUse(
                f"{file}: row {number} lacks a device, a time or a label", "correct it; nothing was imported"
            )
        found.append(new_label(name, text, first, last, source=f"file:{file.name}", now=now))
    return found


def _texts(frame: "pl.DataFrame", columns: LabelColumns) -> list[str | None]:
    import polars as pl

    texts: list[str | None] = frame[_column(frame, columns.label, _LABEL, "--label")].cast(pl.String).to_list()
    return texts


def _column(frame: "pl.DataFrame", asked: str | None, usual: Sequence[str], option: str) -> str:
    if asked is not None:
        if asked not in frame.columns:
            raise WrongUse(f"{option}: no column {asked!r}", f"the file has {', '.join(frame.columns[:30])}")
        return asked
    lower = {name.lower(): name for name in frame.columns}
    found = next((lower[name] for name in usual if name in lower), None)
    if found is None:
        hint = f"name it with {option}" + (" or give one text with --as" if option == "--label" else "")
        raise WrongUse(
            f"no column is called {' or '.join(usual[:3])}", f"{hint}; the file has {', '.join(frame.columns[:30])}"
        )
    return found


def _moments(frame: "pl.DataFrame", name: str, option: str) -> list[int | None]:
    """Microseconds since the epoch, UTC; None where a row has no time."""
    import polars as pl

    column = frame[name]
    if column.dtype == pl.String:
        for zone in (None, "UTC"):
            try:
                column = column.str.to_datetime(time_unit="us", time_zone=zone, strict=True)
                break
            except pl.exceptions.PolarsError:
                continue
    if isinstance(column.dtype, pl.Datetime):
        column = column.dt.convert_time_zone("UTC") if column.dtype.time_zone else column
        return column.dt.epoch("us").to_list()
    if column.dtype == pl.Date:
        return column.cast(pl.Datetime("us")).dt.epoch("us").to_list()
    if column.dtype.is_numeric():
        return [round(each * 1e6) if isfinite(each) else None for each in column.cast(pl.Float64).fill_null(nan)]
    raise WrongUse(f"{option}: {name!r} holds {column.dtype}, not times", "write times as ISO 8601 or epoch seconds")
