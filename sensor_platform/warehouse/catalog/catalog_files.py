"""The catalog's CSV files, read and checked.

`devices.csv`: device_id, site, area, type, cadence_s. `metrics.csv`: metric, unit, kind, min, max, max_change_per_s,
compare_within_s, stuck_after_s, warn_low, warn_high, alarm_low, alarm_high. `calibration.csv`: device_id, metric, gain,
offset, valid_from, valid_to (UTC, half-open). Empty means none; further columns are ignored.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import plain_utc
from sensor_platform.warehouse.catalog.catalog_model import (
    COMPARE_WITHIN_S,
    DEFAULT_KIND,
    CalibrationPeriod,
    Catalog,
    Device,
    Metric,
)
from sensor_platform.warehouse.dbt.project_variables import metric_kinds

DEVICES, METRICS, CALIBRATION = "devices.csv", "metrics.csv", "calibration.csv"
_LONGEST_LOOKBACK_S = 86_400.0
_THRESHOLDS = ("warn_low", "warn_high", "alarm_low", "alarm_high")


def read_catalog(folder: Path | None) -> Catalog:
    """The catalog of a site; without a folder it is empty, and a missing file has no rows.

    Raises:
        WrongUse: naming file and line of the first mistake.
    """
    if folder is None:
        return Catalog()
    return Catalog(
        tuple(read_devices(folder / DEVICES)),
        tuple(read_metrics(folder / METRICS)),
        tuple(read_calibration(folder / CALIBRATION)),
    )


def digest(folder: Path | None) -> str:
    """Hash of the files' bytes; cheap, and never fails because of their content."""
    if folder is None:
        return ""
    total = hashlib.sha256()
    for name in (DEVICES, METRICS, CALIBRATION):
        path = folder / name
        content = path.read_bytes() if path.is_file() else b""
        total.update(f"{name}:{len(content)}:".encode() + content)
    return total.hexdigest()


def read_devices(path: Path) -> list[Device]:
    """Rows of devices.csv."""
    seen: dict[str, int] = {}
    rows = []
    for line, row in _read(path, ("device_id",)):
        _only_once(path, line, "device", row["device_id"], seen)
        cadence = _field(path, line, row, "cadence_s", _positive)
        rows.append(
            Device(row["device_id"], row.get("site") or None, row.get("area") or None, row.get("type") or None, cadence)
        )
    return rows


def read_metrics(path: Path) -> list[Metric]:
    """Rows of metrics.csv."""
    seen: dict[str, int] = {}
    rows = []
    for line, row in _read(path, ("metric",)):
        _only_once(path, line, "metric", row["metric"], seen)
        low, high = (_field(path, line, row, key, _number) for key in ("min", "max"))
        if low is not None and high is not None and low > high:
            raise _wrong(path, line, f"min {low} is larger than max {high}", "swap them")
        metric = Metric(
            row["metric"],
            row.get("unit") or None,
            _kind(path, line, row.get("kind", "")),
            low,
            high,
            max_change_per_s=_field(path, line, row, "max_change_per_s", _positive),
            compare_within_s=_field(path, line, row, "compare_within_s", _positive) or COMPARE_WITHIN_S,
            stuck_after_s=_field(path, line, row, "stuck_after_s", _positive),
            **{name: _field(path, line, row, name, _number) for name in _THRESHOLDS},
        )
        if metric.lookback_s(0.0) > _LONGEST_LOOKBACK_S:
            raise _wrong(path, line, "stuck_after_s or compare_within_s is longer than a day", "use at most 86400")
        rows.append(metric)
    return rows


def _kind(path: Path, line: int, text: str) -> str:
    if not text or text in metric_kinds():
        return text or DEFAULT_KIND
    raise _wrong(path, line, f"kind is {text!r}", f"use {' or '.join(metric_kinds())}, or leave it empty")


def _only_once(path: Path, line: int, what: str, name: str, seen: dict[str, int]) -> None:
    if name in seen:
        raise _wrong(path, line, f"{what} {name!r} is already in line {seen[name]}", f"keep one line per {what}")
    seen[name] = line


def read_calibration(path: Path) -> list[CalibrationPeriod]:
    """Rows of calibration.csv. Periods of one device and metric never overlap."""
    rows = []
    periods: dict[tuple[str, str], list[tuple[datetime, datetime, int]]] = {}
    for line, row in _read(path, ("device_id", "metric")):
        gain = _field(path, line, row, "gain", _number)
        offset = _field(path, line, row, "offset", _number)
        first, last = (_field(path, line, row, key, _time) for key in ("valid_from", "valid_to"))
        if first is not None and last is not None and last <= first:
            raise _wrong(path, line, f"valid_to {last} is not after valid_from {first}", "swap them")
        rows.append(
            CalibrationPeriod(
                row["device_id"], row["metric"], 1.0 if gain is None else gain, offset or 0.0, first, last
            )
        )
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


def _positive(text: str) -> float:
    number = _number(text)
    if number <= 0:
        raise ValueError(text)
    return number


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return plain_utc(at)


def _wrong(path: Path, line: int, what: str, hint: str) -> WrongUse:
    return WrongUse(f"{path}:{line}: {what}", hint)
