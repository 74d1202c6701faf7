"""Deviation of each value of the sensors of one device from a reference of normal rows.

There are two kinds: the robust band (median and MAD, by time of day where there is a daily season) and the residual
against the other sensors. Both measure the smoothed level (shifts, drifts), the spread within the window (unrest, a
stuck value) and single values that are far out (spikes). Strictly causal: trailing windows only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.anomaly.robust_statistics import reference_levels, robust_levels
from sensor_platform.predict.features.grid import Grid
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.features.rolling import moments

CAP = 10.0
"""Largest size of one sensor: a broken sensor must not hide the others."""
_FAR = 4.0
"""Spreads from which on a single value counts as a spike."""
_SPIKE = 0.7
"""Weight of the spreads beyond that limit."""
_PENALTY = 0.05
LEAST_REFERENCE = 30
_SHORTER = 8
"""Brief moves are measured over the smoothing window divided by this."""
_LEAST_SHORT = 5
"""Shorter windows than this many rows are not used."""
_NEWEST = 4
"""The window divided by this is the newest part, which shows whether the level of the window still holds."""
_SLACK = 1.5
"""The level may exceed that of the newest part by this factor, because of noise."""

KINDS = ("level", "brief", "spread", "spike")


@dataclass(frozen=True, slots=True)
class Deviations:
    """Arrays of shape (rows, sensors), signed, in robust spreads; NaN where there is no value."""

    level: Floats
    brief: Floats
    """Distance of the newest few rows from those before them; NaN where the window is too short for it."""
    spread: Floats
    spike: Floats
    expected: Floats
    """Expected value by the reference, in the unit of the sensor."""
    unit: Floats
    """One spread of the level, in the unit of the sensor."""

    def rows(self, own: slice | npt.NDArray[np.bool_]) -> "Deviations":
        """Deviations of some rows."""
        return Deviations(*(getattr(self, name)[own] for name in self.__slots__))

    @property
    def size(self) -> Floats:
        """The largest of the four absolute deviations, at most CAP."""
        largest: Floats = np.zeros_like(self.spike)
        for part in (self.level, self.brief, self.spread, spike_size(self.spike)):
            np.fmax(largest, np.abs(part), out=largest)
        return np.minimum(largest, CAP, out=largest)

    def row_score(self) -> Floats:
        """Root mean square over the sensors with a value; 0 where there is none."""
        known = np.isfinite(self.expected) & np.isfinite(self.spike)
        squares = np.where(known, self.size**2, 0.0).sum(axis=1)
        score: Floats = np.sqrt(squares / np.maximum(known.sum(axis=1), 1))
        return score


def concatenated(parts: Sequence[Deviations]) -> Deviations:
    """All rows of the parts, of which there is at least one."""
    return Deviations(*(np.concatenate([getattr(each, name) for each in parts]) for name in Deviations.__slots__))


def spike_size(spike: Floats) -> Floats:
    """Size of a spike: spreads beyond the limit, weighted."""
    size: Floats = np.maximum(np.abs(spike) - _FAR, 0) * _SPIKE
    return size


def window_of(grid: Grid, reference: int) -> int:
    """Length of the smoothing window in rows: an eighth of a day, or 20 without a daily season."""
    wanted = max(3, grid.season // 8) if grid.season > 1 else 20
    return max(1, min(wanted, reference // 10))


def band(values: Floats, phase: npt.NDArray[np.int64], reference: int, window: int, grid: Grid) -> Deviations:
    """Deviations from median and MAD of the first `reference` rows.

    Args:
        values: shape (rows, sensors); NaN where there is no value.
        phase: step within the day of each row.
        reference: number of normal rows at the beginning.
        window: length of the smoothing window in rows.
        grid: time grid.
    """
    centre, spread = reference_levels(values[:reference], phase[:reference], phase, grid)
    return _deviations((values - centre) / spread, reference, window, centre, spread)


def residual(values: Floats, phase: npt.NDArray[np.int64], reference: int, window: int, grid: Grid) -> Deviations:
    """Deviations from a prediction by the other sensors at that time; of a single sensor, by its three previous values.

    Arguments are those of `band`.
    """
    centre, spread = reference_levels(values[:reference], phase[:reference], phase, grid)
    off = np.clip((values - centre) / spread, -3 * CAP, 3 * CAP)
    predicted = _by_others(np.clip(np.nan_to_num(off), -CAP, CAP), reference, window)
    left = off - predicted
    middle, wide = robust_levels(left[:reference])
    return _deviations((left - middle) / wide, reference, window, centre + (predicted + middle) * spread, wide * spread)


def _by_others(off: Floats, reference: int, window: int) -> Floats:
    """Prediction of each sensor by the others.

    It uses symmetric (ZCA) whitening: of all ways to make sensors uncorrelated, this one keeps each nearest to itself,
    so that a fault of one shows least in the others. The covariance is that of smoothed values, in which the noise of
    each sensor is small and common causes (a load, the weather) remain. It is shrunk (Ledoit and Wolf), because few of
    these values are independent. A single sensor is predicted from its three previous values by ridge regression.
    """
    from sklearn.covariance import ledoit_wolf

    if off.shape[1] == 1:
        seen = _earlier(off[:, 0])
        known, target = seen[:reference], off[:reference, 0]
        gram = known.T @ known + _PENALTY * reference * np.eye(seen.shape[1])
        return np.asarray((seen * np.linalg.solve(gram, known.T @ target)).sum(axis=1, keepdims=True))
    levels = [moments(off[:reference, sensor], [window])[window].level() for sensor in range(off.shape[1])]
    smooth = np.stack(levels, axis=1)[min(window, reference // 3) :: window]
    together, _ = ledoit_wolf(smooth)
    together += 1e-9 * np.eye(len(together))
    sizes, axes = np.linalg.eigh(together)
    whitening = (axes / np.sqrt(sizes)) @ axes.T
    own = np.diag(whitening)
    predicted: Floats = -off @ ((whitening - np.diag(own)) / own[:, None]).T
    return predicted


def _earlier(series: Floats) -> Floats:
    return np.stack([np.concatenate([np.zeros(k), series[:-k]])[: len(series)] for k in (1, 2, 3)], axis=1)


def _deviations(off: Floats, reference: int, window: int, expected: Floats, unit: Floats) -> Deviations:
    level, spread, units, brief = *(np.empty_like(off) for _ in range(3)), np.full_like(off, np.nan)
    clipped = np.clip(off, -CAP, CAP)
    wider, short, newest = max(window, 10), window // _SHORTER, window // _NEWEST
    for sensor in range(off.shape[1]):
        windows = {window, wider, *(each for each in (short, newest) if each >= _LEAST_SHORT)}
        rolled = moments(clipped[:, sensor], sorted(windows))
        smooth = rolled[window].level()
        level[:, sensor] = _standard(smooth, reference, window)
        units[:, sensor] = unit[:, sensor] * robust_levels(smooth[min(window, reference // 2) : reference, None])[1][0]
        if newest in rolled:
            level[:, sensor] = _released(level[:, sensor], _standard(rolled[newest].level(), reference, newest))
        if short in rolled:
            moved = _moved(rolled[short].level(), rolled[window].level(), short)
            brief[:, sensor] = _standard(moved, reference, window + short)
        unrest = np.where(rolled[wider].count >= wider // 2, rolled[wider].std(), np.nan)
        spread[:, sensor] = _standard(np.log(unrest + 1e-3), reference, wider)
    missing = ~np.isfinite(off)
    level[missing], brief[missing], spread[missing] = np.nan, np.nan, np.nan
    return Deviations(level, brief, spread, off, expected, units)


def _released(level: Floats, newest: Floats) -> Floats:
    """The level, limited by that of its newest rows, so that an alarm does not last until the window has passed."""
    released: Floats = np.copysign(np.fmin(np.abs(level), 1 + _SLACK * np.abs(newest)), level)
    return released


def _moved(brief: Floats, long: Floats, lag: int) -> Floats:
    """Distance of the newest rows from the long window before them; NaN at the beginning."""
    before = np.full(len(long), np.nan)
    before[lag:] = long[:-lag]
    moved: Floats = brief - before
    return moved


def _standard(series: Floats, reference: int, skip: int) -> Floats:
    """The series in robust spreads of the reference without its first rows, whose windows are not full."""
    middle, wide = robust_levels(series[min(skip, reference // 2) : reference, None])
    standard: Floats = (series - middle[0]) / wide[0]
    return standard
