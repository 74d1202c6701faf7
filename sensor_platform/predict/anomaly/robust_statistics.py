"""Robust centre and spread of columns with missing values, and by time of day."""

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.grid import Grid
from sensor_platform.predict.features.panel import Floats, Ints

_MAD = 1.4826
"""Standard deviation of a normal distribution divided by its median absolute deviation."""
_LEAST_DAYS = 7
_BINS = 24


def reference_levels(
    values: Floats, phase: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64], grid: Grid
) -> tuple[Floats, Floats]:
    """Centre and spread for each row of `wanted`: by time of day where the reference has enough days.

    Args:
        values: the reference, shape (rows, sensors).
        phase: step within the day of each reference row.
        wanted: step within the day of each row to return.
        grid: time grid.
    """
    middle, wide = robust_levels(values)
    if grid.season < 2 or len(values) < _LEAST_DAYS * grid.season:
        shape = (len(wanted), values.shape[1])
        return np.broadcast_to(middle, shape), np.broadcast_to(wide, shape)
    bins = phase * _BINS // grid.season
    centres, spreads = np.empty((_BINS, values.shape[1])), np.empty((_BINS, values.shape[1]))
    for number in range(_BINS):
        near = np.abs((bins - number + _BINS // 2) % _BINS - _BINS // 2) <= 1
        centres[number], spreads[number] = robust_levels(values[near]) if near.any() else (middle, wide)
    centres = np.where(np.isfinite(centres), centres, middle)
    spreads = np.maximum(np.where(np.isfinite(spreads), spreads, wide), wide / 4)
    own = wanted * _BINS // grid.season
    return centres[own], spreads[own]


def robust_levels(values: Floats) -> tuple[Floats, Floats]:
    """Median and spread (MAD as a standard deviation) of each column; a constant has a small spread above 0."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    empty = count == 0
    finite = np.where(known, values, np.nan)
    middle = np.where(empty, 0.0, column_medians(finite, count))
    off = finite - middle
    spread = _MAD * np.where(empty, 0.0, column_medians(np.abs(off), count))
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    variance = np.where(known, values - mean, 0.0)
    wide = np.sqrt((variance * variance).sum(axis=0) / np.maximum(count, 1))
    least = np.maximum(wide / 5, np.abs(middle) * 1e-4 + 1e-9)
    return np.where(empty, np.nan, middle), np.maximum(spread, least)


def column_medians(values: Floats, count: Ints) -> Floats:
    """Median of each column, of which `count` values are not NaN. NumPy takes ten times as long for short columns."""
    ordered = np.sort(values, axis=0)  # NaN comes last
    columns = np.arange(values.shape[1])
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, max(len(values) - 1, 0))
    middle: Floats = (ordered[low, columns] + ordered[high, columns]) / 2
    return middle
