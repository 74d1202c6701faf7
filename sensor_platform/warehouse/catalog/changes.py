"""Which stored readings a changed catalog would judge or calibrate differently. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sensor_platform.warehouse.catalog.catalog_model import CalibrationPeriod, Catalog, Metric

_FIRST, _LAST = datetime.min, datetime.max  # noqa: DTZ901 - plain UTC; no limit
ALWAYS = (_FIRST, _LAST)
"""Event times without a limit."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Readings that a change affects."""

    metric: str
    device_id: str | None
    """None for every device."""
    start: datetime
    end: datetime
    """Event times in [start, end), plain UTC."""


def changes(old: Catalog, new: Catalog) -> list[Changed]:
    """Exactly the readings that `old` and `new` treat differently.

    Later readings whose rules look back at them are not included: the lineage adds them, as for a late reading.
    """
    return [*_metrics(old.metrics, new.metrics), *_calibration(old.calibration, new.calibration)]


def _metrics(old: Iterable[Metric], new: Iterable[Metric]) -> list[Changed]:
    before = {row.metric: row.judging for row in old}
    after = {row.metric: row.judging for row in new}
    unknown = Metric("").judging
    return [
        Changed(name, None, *ALWAYS)
        for name in sorted(before.keys() | after.keys())
        if before.get(name, unknown) != after.get(name, unknown)
    ]


def _calibration(old: Iterable[CalibrationPeriod], new: Iterable[CalibrationPeriod]) -> list[Changed]:
    before, after = _by_series(old), _by_series(new)
    found = []
    for device, metric in sorted(before.keys() | after.keys()):
        rows = before.get((device, metric), ()), after.get((device, metric), ())
        found += [Changed(metric, device, start, end) for start, end in _spans(*rows)]
    return found


def _spans(old: Sequence[CalibrationPeriod], new: Sequence[CalibrationPeriod]) -> list[tuple[datetime, datetime]]:
    """Periods in which two calibrations differ; adjacent periods are joined."""
    edges = {_FIRST, _LAST}
    for row in (*old, *new):
        edges.update((row.valid_from or _FIRST, row.valid_to or _LAST))
    spans: list[tuple[datetime, datetime]] = []
    for start, end in pairwise(sorted(edges)):
        if _at(old, start) != _at(new, start):
            joined = spans and spans[-1][1] == start
            spans[-1:] = [(spans[-1][0], end)] if joined else [*spans[-1:], (start, end)]
    return spans


def _at(rows: Sequence[CalibrationPeriod], at: datetime) -> tuple[float, float]:
    for row in rows:
        if (row.valid_from or _FIRST) <= at < (row.valid_to or _LAST):
            return row.gain, row.offset
    return 1.0, 0.0


def _by_series(rows: Iterable[CalibrationPeriod]) -> dict[tuple[str, str], list[CalibrationPeriod]]:
    found: dict[tuple[str, str], list[CalibrationPeriod]] = {}
    for row in rows:
        found.setdefault((row.device_id, row.metric), []).append(row)
    return found
