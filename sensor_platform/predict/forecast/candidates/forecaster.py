"""A trained forecaster of one metric: every candidate that could be fitted, and an interval before calibration."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from sensor_platform.predict.features.matrix import Examples, InputLayout
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates.candidate import (
    CandidateForecast,
    FittedCandidate,
    Recipe,
    StoredVersion,
    Training,
    units_of,
    usual_moves,
)
from sensor_platform.predict.forecast.candidates.candidate_table import BASELINES, in_order_of_fitting
from sensor_platform.predict.forecast.candidates.recipes import LEAST_SEEN, learnable, usable

LEVEL = 0.9
"""Fraction of actuals that the interval is meant to cover."""
_LEAST_WIDTH = 0.05
"""Part of the usual move that is added to every width, so that a margin also widens an interval of width 0."""


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts of every candidate, per example, in the metric's unit."""

    by_candidate: Mapping[str, Floats]
    lower: Floats
    """5 % quantile before calibration."""
    upper: Floats
    """95 % quantile before calibration."""
    width: Floats
    """Unit of the conformal margins: about the interval's own width, so that one margin fits series of any scale."""
    least: float | None = None
    """No forecast and no bound lies below it."""


@dataclass(frozen=True, slots=True)
class Forecaster:
    """Candidates of one metric that could be fitted."""

    layout: InputLayout
    recipe: Recipe
    units: Mapping[int, float]
    """Usual move per horizon."""
    fitted: Mapping[str, FittedCandidate]
    """By name, in the order in which they forecast."""
    spreads: Mapping[int, tuple[float, float]]
    """Per horizon the 5 and 95 % quantiles of (actual - last value), in usual moves: the interval where no candidate
    has one."""
    least: float | None
    """0 for a metric that was never below 0: nothing below is forecast."""

    @property
    def has_interval(self) -> bool:
        """Whether the interval is that of a candidate, not that of the spreads."""
        return any(each.has_interval for each in self.fitted.values())

    def without(self, names: set[str]) -> "Forecaster":
        """The same without these candidates."""
        return replace(self, fitted={name: each for name, each in self.fitted.items() if name not in names})

    def forecast(self, rows: Examples) -> Forecasts:
        """All candidates for these examples."""
        unit = units_of(rows, self.units, is_scaled=self.recipe.is_scaled)
        low, high = (self._spread(rows, side) * unit + rows.value for side in (0, 1))
        found: dict[str, Floats] = {}
        for candidate in in_order_of_fitting():
            each = self.fitted.get(candidate.name)
            if each is None or not all(part in found for part in candidate.parts):
                continue
            made: CandidateForecast = each.forecast(rows, self.layout, found)
            found[candidate.name] = made.value
            if made.lower is not None and made.upper is not None:
                low, high = made.lower, made.upper
        young = rows.seen < LEAST_SEEN
        found = {n: each if n in BASELINES else np.where(young, rows.value, each) for n, each in found.items()}
        if self.least is not None:
            found = {name: np.maximum(each, self.least) for name, each in found.items()}
            low, high = np.maximum(low, self.least), np.maximum(high, self.least)
        return Forecasts(found, low, high, high - low + _LEAST_WIDTH * unit, self.least)

    def files(self) -> dict[str, bytes]:
        """Files of all candidates by name; the same forecaster gives the same bytes."""
        return {name: data for each in self.fitted.values() for name, data in each.files().items()}

    def _spread(self, rows: Examples, side: int) -> Floats:
        result = np.zeros(len(rows))
        for horizon, pair in self.spreads.items():
            result[rows.horizon == horizon] = pair[side]
        return result


def fit(rows: Examples, layout: InputLayout, recipe: Recipe, seed: int, parallel_fits: int = 2) -> Forecaster:
    """Train the candidates that the examples allow; the same examples and seed give the same forecaster."""
    everything, rows = rows, learnable(rows, recipe)
    units = usual_moves(rows, is_scaled=recipe.is_scaled)
    recipe = usable(recipe, rows)
    fitted: dict[str, FittedCandidate] = {}
    for candidate in in_order_of_fitting():
        made = candidate.fit(Training(rows, layout, recipe, seed, parallel_fits, fitted))
        if made is not None:
            fitted[candidate.name] = made
    least = 0.0 if len(everything) and min(everything.actual.min(), everything.value.min()) >= 0 else None
    return Forecaster(layout, recipe, units, fitted, _spreads(rows, units, recipe), least)


def load_candidates(files: Mapping[str, bytes], version: StoredVersion) -> dict[str, FittedCandidate]:
    """Candidates in the files of a version, by name; their predictions equal those before writing, bit for bit.

    Raises:
        ValueError, KeyError, msgspec.DecodeError: a file is missing, or belongs to other inputs.
    """
    loaded = ((candidate.name, candidate.load(files, version)) for candidate in in_order_of_fitting())
    return {name: each for name, each in loaded if each is not None}


def _spreads(rows: Examples, units: Mapping[int, float], recipe: Recipe) -> dict[int, tuple[float, float]]:
    """Quantiles with the finite-sample correction of split conformal, pooled over horizons where one has few rows."""
    moves = (rows.actual - rows.value) / units_of(rows, units, is_scaled=recipe.is_scaled)
    found = {}
    for horizon in units:
        own = moves[rows.horizon == horizon]
        some = np.sort(own if len(own) >= 40 else moves)
        rank = min(int(np.ceil((len(some) + 1) * (1 + LEVEL) / 2)), len(some)) - 1
        found[horizon] = (float(some[len(some) - 1 - rank]), float(some[rank]))
    return found
