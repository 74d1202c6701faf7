"""Drift: whether values, errors or interval coverage of a model are out of bounds."""

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
where metric = ? and window_start > ? and window_start <= ? and isfinite(mean) order by device_id, window_start
"""


def distribution(
    warehouse: Warehouse, metric: str, trained_to: datetime, devices: int, now: datetime
) -> tuple[float | None, float | None]:
    """PSI of the hourly changes of the newest week against the four weeks before a model's end, and the null rate.

    Changes are compared, not levels: a season moves the level of every outdoor metric, which is not drift.

    Args:
        warehouse: open.
        metric: that the model looks at.
        trained_to: end of what the model has learnt from, aware UTC.
        devices: that it has learnt from.
        now: aware UTC.

    Returns:
        None for both until a week has passed since.
    """

    def read(first: datetime, last: datetime) -> tuple[Floats, int]:
        rows = warehouse.connection.execute(
            _VALUES, [metric, first.replace(tzinfo=None), last.replace(tzinfo=None)]
        ).fetchnumpy()
        changes = np.diff(np.asarray(rows["mean"], dtype=np.float64))
        return changes[np.asarray(rows["device_id"][1:] == rows["device_id"][:-1], dtype=bool)], len(rows["mean"])

    week = timedelta(days=7)
    if now - trained_to < week:
        return None, None
    before, _ = read(trained_to - 4 * week, trained_to)
    newest, count = read(now - week - _HOUR, now - _HOUR)
    return psi(before, newest), 1 - count / max(devices * 168, 1)


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
