"""Recipes of a training: which are tried, which examples they can learn from, and which one is best."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sensor_platform.predict.features.matrix import Examples, InputLayout
from sensor_platform.predict.forecast.candidates import boosted, linear
from sensor_platform.predict.forecast.candidates.candidate import Recipe

RECIPES = (
    Recipe("last", is_scaled=False),
    Recipe("linear", is_scaled=False),
    Recipe("last", is_scaled=True),
    Recipe("linear", is_scaled=True),
    Recipe("seasonal", is_scaled=False),
    Recipe("seasonal", is_scaled=True),
)
LEAST_SEEN = 24
"""Models are neither trained with nor used for rows that have fewer values before them."""


def learnable(rows: Examples, recipe: Recipe) -> Examples:
    """Examples that models are used for and that have the anchor; all examples where too few of these are left."""
    keep = rows.seen >= LEAST_SEEN
    if recipe.anchor == "seasonal":
        keep &= np.isfinite(rows.seasonal)
    horizons = len(np.unique(rows.horizon))
    left = np.unique(rows.horizon[keep], return_counts=True)[1]
    enough = len(left) == horizons and left.min() >= linear.LEAST_ROWS
    return rows.where(keep) if enough else rows


def usable(recipe: Recipe, rows: Examples) -> Recipe:
    """The recipe, with the last value as anchor where `rows` are too few for the linear model."""
    if recipe.anchor == "linear" and not linear.has_enough(rows):
        return replace(recipe, anchor="last")
    return recipe


def best_recipe(
    learnt: Examples, judged: Examples, layout: InputLayout, seed: int, recipes: Sequence[Recipe] = RECIPES
) -> tuple[Recipe, dict[str, float]]:
    """The recipe whose median has the smallest error on `judged`, and the error of every recipe, by its text."""
    if len(learnt) < boosted.LEAST_EXAMPLES or not len(judged):
        return Recipe(), {}
    able = [recipe for recipe in recipes if recipe.anchor != "seasonal" or layout.grid.season > 1]
    errors = {recipe: _error(learnt, judged, layout, recipe, seed) for recipe in able}
    best = min(errors, key=lambda recipe: errors[recipe])
    return best, {str(recipe): error for recipe, error in errors.items()}


def _error(learnt: Examples, judged: Examples, layout: InputLayout, recipe: Recipe, seed: int) -> float:
    learnt = learnable(learnt, recipe)
    if len(learnt) < boosted.LEAST_EXAMPLES:
        return float("inf")
    lines = linear.fit(learnt, layout, is_scaled=recipe.is_scaled) if recipe.anchor == "linear" else None
    if recipe.anchor == "linear" and lines is None:
        return float("inf")
    anchors = [
        boosted.anchor_of(recipe.anchor, rows, lines.predict(rows, layout) if lines else None)
        for rows in (learnt, judged)
    ]
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
    # Both in the metric's unit and relative to each series, so that neither large nor small series are neglected.
    return float(np.sqrt(error.mean() * (error / judged.scale).mean() * judged.scale.mean()))
