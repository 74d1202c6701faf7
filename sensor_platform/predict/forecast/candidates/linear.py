"""Ridge regression of the difference from the last (or the seasonal) value on the inputs, one model per horizon.

Reweighted towards least absolute error, by which forecasts are judged; the penalty is chosen by generalised
cross-validation in closed form.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.matrix import Examples, InputLayout
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates.baselines import base_of
from sensor_platform.predict.forecast.candidates.candidate import Candidate, CandidateForecast, StoredVersion, Training

LINEAR = "linear"
LINES = "linear.json"
LEAST_ROWS = 60
"""Where a horizon has fewer examples, no horizon has a linear model."""
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""In units of the number of rows."""
_REWEIGHTINGS = 2
_SOFT = 0.1
"""Part of the median residual below which all residuals weigh the same."""
_FAR = 8.0
"""Inputs are clipped at this many standard deviations of the training data: a line does not hold beyond them."""


@dataclass(frozen=True, slots=True)
class Line:
    """One horizon: standardise by `mean` and `spread`, multiply by `slope`, add `offset`."""

    mean: Floats
    spread: Floats
    slope: Floats
    offset: float
    penalty: float


class _StoredLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mean: list[float]
    spread: list[float | None]
    """None for a constant input."""
    slope: list[float]
    offset: float
    penalty: float


@dataclass(frozen=True, slots=True)
class Linear:
    """A line per horizon."""

    lines: Mapping[int, Line]
    is_scaled: bool
    """Whether inputs and target are divided by each row's own spread."""
    is_seasonal: bool = False
    """Whether the target is the difference from the seasonal value, not from the last one."""
    has_interval: bool = False

    def forecast(self, rows: Examples, layout: InputLayout, earlier: Mapping[str, Floats]) -> CandidateForecast:  # noqa: ARG002 - protocol
        """See FittedCandidate."""
        return CandidateForecast(self.predict(rows, layout))

    def files(self) -> dict[str, bytes]:
        """The lines as JSON, by horizon."""
        stored = {horizon: _stored(line) for horizon, line in sorted(self.lines.items())}
        return {LINES: msgspec.json.encode(stored) + b"\n"}

    def predict(self, rows: Examples, layout: InputLayout) -> Floats:
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
            # Not a matrix product: its rounding of a row would depend on the other rows.
            move = (inputs * line.slope).sum(axis=1) + line.offset
            result[mask] += move * rows.scale[mask] if self.is_scaled else move
        return result


class LinearCandidate(Candidate):
    """The linear model in the table of candidates."""

    name = LINEAR

    def fit(self, training: Training) -> Linear | None:
        """Fit a line per horizon; None where a horizon has fewer than LEAST_ROWS examples."""
        recipe = training.recipe
        is_seasonal = recipe.anchor == "seasonal"
        return fit(training.rows, training.layout, is_scaled=recipe.is_scaled, is_seasonal=is_seasonal)

    def load(self, files: Mapping[str, bytes], version: StoredVersion) -> Linear | None:
        """Read it from `linear.json`."""
        if LINES not in files:
            return None
        found = msgspec.json.decode(files[LINES], type=dict[int, _StoredLine])
        lines = {horizon: _line_of(line) for horizon, line in found.items()}
        return Linear(lines, version.recipe.is_scaled, version.recipe.anchor == "seasonal")


def _stored(line: Line) -> _StoredLine:
    spread = [float(each) if np.isfinite(each) else None for each in line.spread]
    return _StoredLine(line.mean.tolist(), spread, line.slope.tolist(), line.offset, line.penalty)


def _line_of(stored: _StoredLine) -> Line:
    spread = np.array([np.inf if each is None else each for each in stored.spread])
    return Line(np.array(stored.mean), spread, np.array(stored.slope), stored.offset, stored.penalty)


def has_enough(rows: Examples) -> bool:
    """Whether every horizon of `rows` has LEAST_ROWS examples."""
    horizons, counts = np.unique(rows.horizon, return_counts=True)
    return bool(len(horizons)) and bool(counts.min() >= LEAST_ROWS)


def fit(rows: Examples, layout: InputLayout, *, is_scaled: bool, is_seasonal: bool = False) -> Linear | None:
    """A line per horizon of `rows`; None where some horizon has too few examples."""
    if not has_enough(rows):
        return None
    horizons = np.unique(rows.horizon)
    from threadpoolctl import threadpool_limits

    lines = {}
    base = base_of(rows, is_seasonal=is_seasonal)
    with threadpool_limits(1, "blas"):  # matrices this small are slower on more threads
        for horizon in horizons:
            mask = rows.horizon == horizon
            move = (rows.actual - base)[mask]
            lines[int(horizon)] = _fit_line(
                _inputs(rows, mask, layout, is_scaled=is_scaled), move / rows.scale[mask] if is_scaled else move
            )
    return Linear(lines, is_scaled, is_seasonal)


def _inputs(rows: Examples, mask: npt.NDArray[np.bool_], layout: InputLayout, *, is_scaled: bool) -> Floats:
    own = rows.inputs[mask].astype(np.float64)
    if is_scaled:
        own[:, layout.unit] /= rows.scale[mask][:, None]
    # An unknown difference counts as 0: the value is taken to be the last one.
    return np.ascontiguousarray(np.nan_to_num(own[:, layout.linear], nan=0.0, posinf=0.0, neginf=0.0))


def _fit_line(inputs: Floats, target: Floats) -> Line:
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    spread = np.where(spread > np.abs(mean) * 1e-9 + 1e-12, spread, np.inf)  # a constant input has no effect
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
