"""A trained forecaster: every candidate of one metric, and an interval that is still to be calibrated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sensor_platform.predict.features.matrix import Examples, Layout
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates import boosted, linear
from sensor_platform.predict.forecast.candidates.baselines import AVERAGE, LIGHTGBM, LINEAR, base_of, baselines
from sensor_platform.predict.forecast.candidates.boosted import Anchor, Boosted
from sensor_platform.predict.forecast.candidates.linear import Linear

LEVEL = 0.9
"""Share of actuals that the interval is meant to cover."""
_MODELS = (LINEAR, LIGHTGBM, AVERAGE)
_LEAST_SEEN = 24
"""With fewer values behind it a row is unlike anything learnt from: the models say the last value."""
_LEAST_WIDTH = 0.05
"""Part of the usual move that is added to every width, so that a widening also reaches an interval of width 0."""


_WORDS: dict[Anchor, str] = {
    "last": "the last value",
    "seasonal": "the seasonal value",
    "linear": "the linear forecast",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Options that the backtest chooses between."""

    anchor: Anchor = "last"
    is_scaled: bool = False
    """Per-series scaling."""

    def __str__(self) -> str:
        return f"difference from {_WORDS[self.anchor]}, " + (
            "in units of each series' spread" if self.is_scaled else "in the metric's unit"
        )


RECIPES = (
    Recipe("last", is_scaled=False),
    Recipe("linear", is_scaled=False),
    Recipe("last", is_scaled=True),
    Recipe("linear", is_scaled=True),
    Recipe("seasonal", is_scaled=False),
    Recipe("seasonal", is_scaled=True),
)


@dataclass(frozen=True, slots=True)
class Forecasts:
    """What every candidate says, per example, in the metric's unit."""

    by_candidate: Mapping[str, Floats]
    lower: Floats
    upper: Floats
    """5 and 95 % quantiles before calibration."""
    width: Floats
    """The length that widenings are measured in: the interval's own, so that they fit series of any scale."""
    least: float | None = None
    """What no forecast and no bound of it goes below."""


@dataclass(frozen=True, slots=True)
class Forecaster:
    """`trees` and `lines` are None where there was too little to learn from."""

    layout: Layout
    recipe: Recipe
    units: Mapping[int, float]
    """Usual move per horizon."""
    lines: Linear | None
    trees: Boosted | None
    spreads: Mapping[int, tuple[float, float]]
    """Per horizon the 5 and 95 % quantiles of (actual - last value), in usual moves: the interval without trees."""
    least: float | None
    """0 for a metric that was never below 0: nothing below is forecast."""

    def forecast(self, rows: Examples) -> Forecasts:
        """All candidates for these examples."""
        found = baselines(rows)
        unit = boosted.units_of(rows, self.units, is_scaled=self.recipe.is_scaled)
        if self.lines is not None:
            found[LINEAR] = self.lines.predict(rows, self.layout)
        if self.trees is None:
            low, high = (self._spread(rows, side) * unit + rows.value for side in (0, 1))
        else:
            anchor = anchor_of(self.recipe, rows, found.get(LINEAR))
            low, found[LIGHTGBM], high = self.trees.predict(rows, self.layout, anchor)
            if self.lines is not None:
                found[AVERAGE] = (found[LINEAR] + found[LIGHTGBM]) / 2
        young = rows.seen < _LEAST_SEEN
        found = {name: np.where(young, rows.value, each) if name in _MODELS else each for name, each in found.items()}
        if self.least is not None:
            found = {name: np.maximum(each, self.least) for name, each in found.items()}
            low, high = np.maximum(low, self.least), np.maximum(high, self.least)
        return Forecasts(found, low, high, high - low + _LEAST_WIDTH * unit, self.least)

    def _spread(self, rows: Examples, side: int) -> Floats:
        result = np.zeros(len(rows))
        for horizon, pair in self.spreads.items():
            result[rows.horizon == horizon] = pair[side]
        return result


def fit(rows: Examples, layout: Layout, recipe: Recipe, seed: int, parallel_fits: int = 2) -> Forecaster:
    """Train what the examples allow; the same examples and seed give the same forecaster."""
    everything, rows = rows, learnable(rows, recipe)
    units = boosted.usual_moves(rows, is_scaled=recipe.is_scaled)
    lines = linear.fit(rows, layout, is_scaled=recipe.is_scaled, is_seasonal=recipe.anchor == "seasonal")
    if lines is None and recipe.anchor == "linear":
        recipe = replace(recipe, anchor="last")
    trees = None
    if len(rows) >= boosted.LEAST_EXAMPLES:
        anchor = anchor_of(recipe, rows, lines.predict(rows, layout) if lines else None)
        trees = boosted.fit(
            rows,
            layout,
            anchor,
            seed,
            kind=recipe.anchor,
            is_scaled=recipe.is_scaled,
            parallel_fits=parallel_fits,
        )
    least = 0.0 if len(everything) and min(everything.actual.min(), everything.value.min()) >= 0 else None
    return Forecaster(layout, recipe, units, lines, trees, _spreads(rows, units, recipe), least)


def learnable(rows: Examples, recipe: Recipe) -> Examples:
    """Without those that models are not asked about, and without those that lack the anchor, where enough are left."""
    keep = rows.seen >= _LEAST_SEEN
    if recipe.anchor == "seasonal":
        keep &= np.isfinite(rows.seasonal)
    horizons = len(np.unique(rows.horizon))
    left = np.unique(rows.horizon[keep], return_counts=True)[1]
    enough = len(left) == horizons and left.min() >= linear.LEAST_ROWS
    return rows.where(keep) if enough else rows


def anchor_of(recipe: Recipe, rows: Examples, linear_forecast: Floats | None) -> Floats:
    """What the trees' target is measured from."""
    if recipe.anchor == "linear" and linear_forecast is not None:
        return linear_forecast
    return base_of(rows, is_seasonal=recipe.anchor == "seasonal")


def _spreads(rows: Examples, units: Mapping[int, float], recipe: Recipe) -> dict[int, tuple[float, float]]:
    """Quantiles with the finite-sample correction of split conformal, pooled over horizons where one has few rows."""
    moves = (rows.actual - rows.value) / boosted.units_of(rows, units, is_scaled=recipe.is_scaled)
    found = {}
    for horizon in units:
        own = moves[rows.horizon == horizon]
        some = np.sort(own if len(own) >= 40 else moves)
        rank = min(int(np.ceil((len(some) + 1) * (1 + LEVEL) / 2)), len(some)) - 1
        found[horizon] = (float(some[len(some) - 1 - rank]), float(some[rank]))
    return found


def best_recipe(
    learnt: Examples, judged: Examples, layout: Layout, seed: int, recipes: Sequence[Recipe] = RECIPES
) -> tuple[Recipe, dict[str, float]]:
    """The recipe whose median has the least error on `judged`, and every error."""
    if len(learnt) < boosted.LEAST_EXAMPLES or not len(judged):
        return Recipe(), {}
    able = [recipe for recipe in recipes if recipe.anchor != "seasonal" or layout.grid.season > 1]
    errors = {recipe: _error(learnt, judged, layout, recipe, seed) for recipe in able}
    best = min(errors, key=lambda recipe: errors[recipe])
    return best, {str(recipe): error for recipe, error in errors.items()}


def _error(learnt: Examples, judged: Examples, layout: Layout, recipe: Recipe, seed: int) -> float:
    learnt = learnable(learnt, recipe)
    if len(learnt) < boosted.LEAST_EXAMPLES:
        return float("inf")
    lines = linear.fit(learnt, layout, is_scaled=recipe.is_scaled) if recipe.anchor == "linear" else None
    if recipe.anchor == "linear" and lines is None:
        return float("inf")
    anchors = [anchor_of(recipe, rows, lines.predict(rows, layout) if lines else None) for rows in (learnt, judged)]
    trees = boosted.fit(
        learnt,
        layout,
        anchors[0],
        seed,
        kind=recipe.anchor,
        is_scaled=recipe.is_scaled,
        names=("median",),
        share_of_rounds=0.4,
    )
    (median,) = trees.predict(judged, layout, anchors[1], ("median",))
    error = np.abs(median - judged.actual)
    # Both in the metric's unit and relative to each series: neither large nor small series are to be forgotten.
    return float(np.sqrt(error.mean() * (error / judged.scale).mean() * judged.scale.mean()))
