"""The site's catalog of metrics and calibrations: CSV files that Python, dbt and docs read alike.

`metrics.csv`: metric, unit, min, max (limits inclusive, empty for none). `calibration.csv`: device_id, metric, gain,
offset, valid_from, valid_to (UTC, half-open, empty for no limit). Further columns are allowed and ignored here.
"""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensor_platform.errors import WrongUse

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = tuple[Any, ...]

_TABLES = """
create or replace table catalog_metrics (metric varchar, unit varchar, min_value double, max_value double);
create or replace table catalog_calibration (
    device_id varchar, metric varchar, gain double, value_offset double, valid_from timestamp, valid_to timestamp
);
"""


def load_catalog(connection: "DuckDBPyConnection", folder: Path | None) -> None:
    """Write the catalog into the warehouse, replacing what was there; without a folder both tables are empty.

    Raises:
        WrongUse: naming file and line of the first mistake.
    """
    metrics = read_metrics(folder / "metrics.csv") if folder else []
    calibration = read_calibration(folder / "calibration.csv") if folder else []
    connection.begin()
    for statement in _TABLES.strip().split(";\n"):
        connection.execute(statement)
    if metrics:
        connection.executemany("insert into catalog_metrics values (?, ?, ?, ?)", metrics)
    if calibration:
        connection.executemany("insert into catalog_calibration values (?, ?, ?, ?, ?, ?)", calibration)
    connection.commit()


def read_metrics(path: Path) -> list[Row]:
    """Rows of metrics.csv: metric, unit, min, max. A missing file has no rows."""
    seen: dict[str, int] = {}
    rows = []
    for line, row in _read(path, ("metric",)):
        metric = row["metric"]
        if metric in seen:
            raise _wrong(path, line, f"metric {metric!r} is already in line {seen[metric]}", "keep one line per metric")
        seen[metric] = line
        low, high = (_field(path, line, row, key, _number) for key in ("min", "max"))
        if low is not None and high is not None and low > high:
            raise _wrong(path, line, f"min {low} is larger than max {high}", "swap them")
        rows.append((metric, row.get("unit") or None, low, high))
    return rows


def read_calibration(path: Path) -> list[Row]:
    """Rows of calibration.csv: device_id, metric, gain, offset, valid_from, valid_to. Periods never overlap."""
    rows = []
    periods: dict[tuple[str, str], list[tuple[datetime, datetime, int]]] = {}
    for line, row in _read(path, ("device_id", "metric")):
        gain = _field(path, line, row, "gain", _number)
        offset = _field(path, line, row, "offset", _number)
        first, last = (_field(path, line, row, key, _time) for key in ("valid_from", "valid_to"))
        rows.append((row["device_id"], row["metric"], 1.0 if gain is None else gain, offset or 0.0, first, last))
        period = (first or datetime.min, last or datetime.max, line)  # noqa: DTZ901 - plain UTC, like the column
        periods.setdefault((row["device_id"], row["metric"]), []).append(period)
    for (device, metric), found in periods.items():
        for (_, end, _), (start, _, line) in pairwise(sorted(found)):
            if start < end:
                raise _wrong(
                    path,
                    line,
                    f"calibration of {device!r} {metric!r} overlaps another",
                    "end one before the next begins",
                )
    return rows


def _read(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    if not path.is_file():
        return
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [name for name in required if name not in (reader.fieldnames or ())]
        if missing:
            raise _wrong(
                path,
                1,
                f"has no column {missing[0]!r}",
                f"name the columns in the first line: {', '.join(required)}, ...",
            )
        for row in reader:
            clean = {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
            empty = [name for name in required if not clean[name]]
            if empty:
                raise _wrong(path, reader.line_num, f"has no {empty[0]}", "fill it in or remove the line")
            yield reader.line_num, clean


def _field(path: Path, line: int, row: dict[str, str], key: str, read: Callable[[str], Any]) -> Any:  # noqa: ANN401 - number or time
    text = row.get(key, "")
    if not text:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise _wrong(
            path, line, f"{key} is {text!r}", "write a number like 1.5, or a time like 2026-01-31T00:00:00"
        ) from error


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def _wrong(path: Path, line: int, what: str, hint: str) -> WrongUse:
    return WrongUse(f"{path}:{line}: {what}", hint)
