"""Ridge regression of the difference from the last (or the seasonal) value on the inputs, one model per horizon.

Reweighted towards least absolute error, which is what forecasts are judged by; the penalty is chosen by generalised
cross-validation in closed form.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.matrix import Examples, Layout
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates.baselines import base_of

LEAST_ROWS = 60
"""A horizon with fewer examples has no linear model; nor has any, then."""
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""In units of the number of rows."""
_REWEIGHTINGS = 2
_SOFT = 0.1
"""Part of the median residual below which all residuals weigh the same."""
_FAR = 8.0
"""Inputs beyond this many standard deviations of what was learnt from are cut: a line knows nothing out there."""


@dataclass(frozen=True, slots=True)
class Line:
    """One horizon: standardise by `mean` and `spread`, multiply by `slope`, add `offset`."""

    mean: Floats
    spread: Floats
    slope: Floats
    offset: float
    penalty: float


@dataclass(frozen=True, slots=True)
class Linear:
    """A line per horizon; `is_scaled` where inputs and target are divided by each row's own spread."""

    lines: Mapping[int, Line]
    is_scaled: bool
    is_seasonal: bool = False
    """Whether the difference is from the seasonal value."""

    def predict(self, rows: Examples, layout: Layout) -> Floats:
        """Forecast of each example, in the metric's unit.

        Raises:
            KeyError: a horizon was not learnt.
        """
        result = base_of(rows, is_seasonal=self.is_seasonal).copy()
        for horizon in np.unique(rows.horizon):
            mask = rows.horizon == horizon
            line = self.lines[int(horizon)]
            inputs = np.clip(
                (_inputs(rows, mask, layout, is_scaled=self.is_scaled) - line.mean) / line.spread, -_FAR, _FAR
            )
            # Not a matrix product: that would round a row differently in other company.
            move = (inputs * line.slope).sum(axis=1) + line.offset
            result[mask] += move * rows.scale[mask] if self.is_scaled else move
        return result


def fit(rows: Examples, layout: Layout, *, is_scaled: bool, is_seasonal: bool = False) -> Linear | None:
    """A line per horizon of `rows`; None where some horizon has too few examples."""
    horizons, counts = np.unique(rows.horizon, return_counts=True)
    if not len(horizons) or counts.min() < LEAST_ROWS:
        return None
    from threadpoolctl import threadpool_limits

    lines = {}
    base = base_of(rows, is_seasonal=is_seasonal)
    with threadpool_limits(1, "blas"):  # matrices this small are slower on more threads
        for horizon in horizons:
            mask = rows.horizon == horizon
            move = (rows.actual - base)[mask]
            lines[int(horizon)] = _line(
                _inputs(rows, mask, layout, is_scaled=is_scaled), move / rows.scale[mask] if is_scaled else move
            )
    return Linear(lines, is_scaled, is_seasonal)


def _inputs(rows: Examples, mask: npt.NDArray[np.bool_], layout: Layout, *, is_scaled: bool) -> Floats:
    own = rows.inputs[mask].astype(np.float64)
    if is_scaled:
        own[:, layout.unit] /= rows.scale[mask][:, None]
    # An unknown difference is taken for none, which is the last value again.
    return np.ascontiguousarray(np.nan_to_num(own[:, layout.linear], nan=0.0, posinf=0.0, neginf=0.0))


def _line(inputs: Floats, target: Floats) -> Line:
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    spread = np.where(spread > np.abs(mean) * 1e-9 + 1e-12, spread, np.inf)  # a constant says nothing
    standard = np.clip((inputs - mean) / spread, -_FAR, _FAR)
    weights = np.ones(len(target))
    slope, offset, penalty = _ridge(standard, target, weights, None)
    for _ in range(_REWEIGHTINGS):
        residual = np.abs(target - standard @ slope - offset)
        least = _SOFT * float(np.median(residual)) + 1e-12
        weights = least / np.maximum(residual, least)
        slope, offset, penalty = _ridge(standard, target, weights, penalty)
    return Line(mean, spread, slope, offset, penalty)


def _ridge(inputs: Floats, target: Floats, weights: Floats, penalty: float | None) -> tuple[Floats, float, float]:
    """Slope, offset and penalty; a given penalty is kept, else the one of least generalised cross-validation error."""
    total = weights.sum()
    centre, level = weights @ inputs / total, float(weights @ target / total)
    off, move = inputs - centre, target - level
    weighted = off * weights[:, None]
    gram, along = weighted.T @ off, weighted.T @ move
    if penalty is None:
        values, vectors = np.linalg.eigh(gram)
        square = float(weights @ move**2)
        turned, values = vectors.T @ along, np.maximum(values, 0.0)
        errors = [_cross_validated(values, turned, square, total, each) for each in PENALTIES]
        penalty = PENALTIES[int(np.argmin(errors))]
    gram[np.diag_indices(len(gram))] += penalty * total
    slope = np.linalg.solve(gram, along)
    return slope, level - float(centre @ slope), penalty


def _cross_validated(values: Floats, along: Floats, square: float, rows: float, penalty: float) -> float:
    shrunk = along / (values + penalty * rows)
    residual = max(square - float(2 * shrunk @ along - (shrunk**2) @ values), 0.0)
    freedom = float((values / (values + penalty * rows)).sum())
    return residual / max(1 - freedom / rows, 1e-3) ** 2
