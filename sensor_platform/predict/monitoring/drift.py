"""Drift: whether values, errors or interval coverage of a model are out of bounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from sensor_platform.predict.features.panel import Floats
from sensor_platform.warehouse.tables import Warehouse

COVERAGE = (0.80, 0.98)
MOST_NAIVE_RATIO = 1.02
MOST_PSI = 0.25
"""Population stability index of the newest week against what the model was trained on; the usual bound."""
MOST_NULLS = 0.5
_HOUR = timedelta(hours=1)


def breaches(ratio: float | None, coverage: float | None, psi: float | None, nulls: float | None) -> tuple[str, ...]:
    """Figures of a forecaster that are out of bounds, in words; an unknown figure is not."""
    found = []
    if ratio is not None and ratio > MOST_NAIVE_RATIO:
        found.append(f"error {ratio:.2f} times the best baseline's, more than {MOST_NAIVE_RATIO}")
    if coverage is not None and not COVERAGE[0] <= coverage <= COVERAGE[1]:
        found.append(f"intervals cover {coverage:.1%}, outside {COVERAGE[0]:.0%}-{COVERAGE[1]:.0%}")
    return (*found, *moved(psi, nulls))


def moved(psi: float | None, nulls: float | None) -> tuple[str, ...]:
    """Figures of a model's inputs that are out of bounds, in words."""
    found = []
    if psi is not None and psi > MOST_PSI:
        found.append(f"values have moved: PSI {psi:.2f}, more than {MOST_PSI}")
    if nulls is not None and nulls > MOST_NULLS:
        found.append(f"{nulls:.0%} of the hours have no value")
    return tuple(found)


_VALUES = """
select device_id, mean from readings_1h
where metric = ? and window_start > ? and window_start <= ? and isfinite(mean)
    and (? is null or list_contains(?, device_id))
order by device_id, window_start
"""


def distribution(
    warehouse: Warehouse, metric: str, trained_to: datetime, learnt: Sequence[str], now: datetime
) -> tuple[float | None, float | None]:
    """PSI of the hourly changes of the newest week against the four weeks before a model's end, and the null rate.

    Both look at the devices that the model has learnt from and no others: a device that is new does not make up for
    one that is dead. Changes are compared, not levels: a season moves the level of every outdoor metric, which is not
    drift.

    Args:
        warehouse: open.
        metric: that the model looks at.
        trained_to: end of what the model has learnt from, aware UTC.
        learnt: devices that it has learnt from; empty for a card that does not name them: all that had values then.
        now: aware UTC.

    Returns:
        PSI, and the share of the newest week's hours without a value, of the devices that had values in those four
        weeks. None for both until a week has passed since, and where no learnt device had the metric.
    """
    week = timedelta(days=7)
    if now - trained_to < week:
        return None, None
    before = _read(warehouse, metric, trained_to - 4 * week, trained_to, list(learnt) or None)
    newest = _read(warehouse, metric, now - week - _HOUR, now - _HOUR, list(before.hours))
    if not before.hours:
        return None, None
    return psi(before.changes, newest.changes), 1 - sum(newest.hours.values()) / (len(before.hours) * 168)


@dataclass(frozen=True, slots=True)
class _Values:
    """Values of some devices in some hours."""

    changes: Floats
    """From each value of a device to its next."""
    hours: Mapping[str, int]
    """Number of hours with a value, of each device that has any."""


def _read(warehouse: Warehouse, metric: str, first: datetime, last: datetime, devices: Sequence[str] | None) -> _Values:
    """Values in the hours after `first` up to `last`, of these devices; None for all."""
    rows = warehouse.connection.execute(
        _VALUES, [metric, first.replace(tzinfo=None), last.replace(tzinfo=None), devices, devices]
    ).fetchnumpy()
    names, counts = np.unique(rows["device_id"].astype(str), return_counts=True)
    changes = np.diff(np.asarray(rows["mean"], dtype=np.float64))
    is_same = np.asarray(rows["device_id"][1:] == rows["device_id"][:-1], dtype=bool)
    return _Values(changes[is_same], dict(zip(names.tolist(), counts.tolist(), strict=True)))


def psi(expected: Floats, actual: Floats, bins: int = 10) -> float | None:
    """Population stability index over deciles of `expected`; None with fewer than 100 values on a side."""
    if min(len(expected), len(actual)) < 100:
        return None
    edges = np.unique(np.quantile(expected, np.linspace(0, 1, bins + 1)[1:-1]))
    shares = []
    for values in (expected, actual):
        counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        shares.append((counts + 0.5) / (len(values) + 0.5 * (len(edges) + 1)))
    first, second = shares
    return float(((second - first) * np.log(second / first)).sum())
