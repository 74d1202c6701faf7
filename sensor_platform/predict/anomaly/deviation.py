"""How far each value of some sensors of one device is from what a reference says is ordinary.

Two ways side by side: the robust band (median and MAD, by time of day where the reference knows days) and the residual
against the other sensors. Both look at the smoothed level (shifts, drifts), at the spread within the window (unrest, a
stuck value) and at single values that are far out (spikes). Strictly causal: trailing windows only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.grid import Grid
from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.features.rolling import moments

CAP = 10.0
"""One sensor counts at most this much: a broken one must not drown the others."""
_FAR = 4.0
"""Spreads from which on a single value counts,"""
_SPIKE = 0.7
"""and how much of what it has more."""
_MAD = 1.4826
_LEAST_DAYS = 7
_BINS = 24
_PENALTY = 0.05
LEAST_REFERENCE = 30
_SHORTER = 8
"""Where the raster is fine, what happens within this part of the smoothing window is looked at as well:"""
_LEAST_SHORT = 5
"""from so many rows on."""

_NEWEST = 4
"""The newest part of the smoothing window, which says whether its level still holds,"""
_SLACK = 1.5
"""with so much room for its own noise."""

KINDS = ("level", "brief", "spread", "spike")


@dataclass(frozen=True, slots=True)
class Deviations:
    """Arrays of shape (rows, sensors), signed, in robust spreads; NaN where nothing was measured."""

    level: Floats
    brief: Floats
    """How far the newest few rows moved from those before them, where the raster is fine."""
    spread: Floats
    spike: Floats
    expected: Floats
    """What the reference takes for ordinary, in the sensor's unit,"""
    unit: Floats
    """and what one spread of the level is in it."""

    def rows(self, own: slice | npt.NDArray[np.bool_]) -> "Deviations":
        """Those of some rows."""
        return Deviations(*(getattr(self, name)[own] for name in self.__slots__))

    @property
    def size(self) -> Floats:
        """The largest of the four, without sign, at most CAP."""
        largest: Floats = np.zeros_like(self.spike)
        for part in (self.level, self.brief, self.spread, spike_size(self.spike)):
            np.fmax(largest, np.abs(part), out=largest)
        return np.minimum(largest, CAP, out=largest)

    def row_score(self) -> Floats:
        """Root of the mean square over the sensors that were measured; 0 where none was."""
        known = np.isfinite(self.expected) & np.isfinite(self.spike)
        squares = np.where(known, self.size**2, 0.0).sum(axis=1)
        score: Floats = np.sqrt(squares / np.maximum(known.sum(axis=1), 1))
        return score


def joined(parts: Sequence[Deviations]) -> Deviations:
    """All rows of some parts; at least one part."""
    return Deviations(*(np.concatenate([getattr(each, name) for each in parts]) for name in Deviations.__slots__))


def spike_size(spike: Floats) -> Floats:
    """What a single value counts for."""
    size: Floats = np.maximum(np.abs(spike) - _FAR, 0) * _SPIKE
    return size


def window_of(grid: Grid, reference: int) -> int:
    """Rows that the level is smoothed over: an eighth of a day, or 20 where there are no days."""
    wanted = max(3, grid.season // 8) if grid.season > 1 else 20
    return max(1, min(wanted, reference // 10))


def band(values: Floats, phase: npt.NDArray[np.int64], reference: int, window: int, grid: Grid) -> Deviations:
    """Against median and MAD of the first `reference` rows.

    Args:
        values: shape (rows, sensors); NaN where nothing was measured.
        phase: step within the day of each row.
        reference: rows that are ordinary.
        window: rows to smooth over.
        grid: the raster.
    """
    centre, spread = _ordinary(values[:reference], phase[:reference], phase, grid)
    return _deviations((values - centre) / spread, reference, window, centre, spread)


def residual(values: Floats, phase: npt.NDArray[np.int64], reference: int, window: int, grid: Grid) -> Deviations:
    """Against what the other sensors say at that time; for a single sensor, what its newest values say."""
    centre, spread = _ordinary(values[:reference], phase[:reference], phase, grid)
    off = np.clip((values - centre) / spread, -3 * CAP, 3 * CAP)
    said = _by_others(np.clip(np.nan_to_num(off), -CAP, CAP), reference, window)
    left = off - said
    middle, wide = _robust(left[:reference])
    return _deviations((left - middle) / wide, reference, window, centre + (said + middle) * spread, wide * spread)


def _by_others(off: Floats, reference: int, window: int) -> Floats:
    """What the other sensors say of each.

    Symmetric (ZCA) whitening: of all ways to make sensors uncorrelated the one that leaves each nearest to itself, so
    that a fault of one shows least in the others. It is learnt from smoothed values, in which the noise of each has
    gone and what moves them together (a load, the weather) is left; shrunk (Ledoit and Wolf), for few such values are
    independent. With a single sensor its newest values speak.
    """
    from sklearn.covariance import ledoit_wolf

    if off.shape[1] == 1:
        seen = _earlier(off[:, 0])
        learnt, target = seen[:reference], off[:reference, 0]
        gram = learnt.T @ learnt + _PENALTY * reference * np.eye(seen.shape[1])
        return np.asarray((seen * np.linalg.solve(gram, learnt.T @ target)).sum(axis=1, keepdims=True))
    levels = [moments(off[:reference, sensor], [window])[window].level() for sensor in range(off.shape[1])]
    smooth = np.stack(levels, axis=1)[min(window, reference // 3) :: window]
    together, _ = ledoit_wolf(smooth)
    together += 1e-9 * np.eye(len(together))
    sizes, axes = np.linalg.eigh(together)
    whitening = (axes / np.sqrt(sizes)) @ axes.T
    own = np.diag(whitening)
    said: Floats = -off @ ((whitening - np.diag(own)) / own[:, None]).T
    return said


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
        units[:, sensor] = unit[:, sensor] * _robust(smooth[min(window, reference // 2) : reference, None])[1][0]
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
    """The level, no farther out than its newest rows allow: what has ended is not alarmed until the window is over."""
    released: Floats = np.copysign(np.fmin(np.abs(level), 1 + _SLACK * np.abs(newest)), level)
    return released


def _moved(brief: Floats, long: Floats, lag: int) -> Floats:
    """How far the newest rows are from those of the long window before them; NaN at the beginning."""
    before = np.full(len(long), np.nan)
    before[lag:] = long[:-lag]
    moved: Floats = brief - before
    return moved


def _standard(series: Floats, reference: int, skip: int) -> Floats:
    """In robust spreads of the reference, without its first rows, whose windows are not full."""
    middle, wide = _robust(series[min(skip, reference // 2) : reference, None])
    standard: Floats = (series - middle[0]) / wide[0]
    return standard


def _ordinary(
    values: Floats, phase: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64], grid: Grid
) -> tuple[Floats, Floats]:
    """Centre and spread for each row of `wanted`: by time of day where the reference has enough days."""
    middle, wide = _robust(values)
    if grid.season < 2 or len(values) < _LEAST_DAYS * grid.season:
        shape = (len(wanted), values.shape[1])
        return np.broadcast_to(middle, shape), np.broadcast_to(wide, shape)
    bins = phase * _BINS // grid.season
    centres, spreads = np.empty((_BINS, values.shape[1])), np.empty((_BINS, values.shape[1]))
    for number in range(_BINS):
        near = np.abs((bins - number + _BINS // 2) % _BINS - _BINS // 2) <= 1
        centres[number], spreads[number] = _robust(values[near]) if near.any() else (middle, wide)
    centres = np.where(np.isfinite(centres), centres, middle)
    spreads = np.maximum(np.where(np.isfinite(spreads), spreads, wide), wide / 4)
    own = wanted * _BINS // grid.season
    return centres[own], spreads[own]


def _robust(values: Floats) -> tuple[Floats, Floats]:
    """Median and spread (MAD as a standard deviation) of each column; a constant has the spread of its last digits."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    empty = count == 0
    finite = np.where(known, values, np.nan)
    middle = np.where(empty, 0.0, _median(finite, count))
    off = finite - middle
    spread = _MAD * np.where(empty, 0.0, _median(np.abs(off), count))
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    variance = np.where(known, values - mean, 0.0)
    wide = np.sqrt((variance * variance).sum(axis=0) / np.maximum(count, 1))
    least = np.maximum(wide / 5, np.abs(middle) * 1e-4 + 1e-9)
    return np.where(empty, np.nan, middle), np.maximum(spread, least)


def _median(values: Floats, count: Ints) -> Floats:
    """Of each column, where `count` values are not NaN. NumPy's own takes ten times as long for short columns."""
    ordered = np.sort(values, axis=0)  # NaN comes last
    columns = np.arange(values.shape[1])
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, max(len(values) - 1, 0))
    middle: Floats = (ordered[low, columns] + ordered[high, columns]) / 2
    return middle
