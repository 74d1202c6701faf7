"""Rolling-origin backtest: trained at several origins on the data known then, each time validated on what followed.

A training target always lies before the origin and a validated forecast is issued at or after it, so at least the
horizon lies between the last hour of training and the first validated hour.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensor_platform.predict.features.matrix import Examples, PanelSource, concatenate_examples, examples
from sensor_platform.predict.forecast.candidates.candidate import Recipe
from sensor_platform.predict.forecast.candidates.forecaster import fit
from sensor_platform.predict.forecast.candidates.recipes import best_recipe
from sensor_platform.predict.forecast.selection.forecast_record import ForecastRecord, concatenate_records, record_of

ORIGINS = 4
RECIPE_EXAMPLES = 12_000
FOLD_EXAMPLES = 32_000
JUDGED_EXAMPLES = 24_000
"""Examples drawn per origin: time and memory are bounded whatever the history."""


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """Forecasts of all folds, and the recipe that they were made with."""

    origins: tuple[int, ...]
    """Steps; each fold's judged forecasts are issued from its origin to the next."""
    record: ForecastRecord
    judged: Examples
    """The examples of the record, in its order: for a champion to be compared on."""
    recipe: Recipe
    recipe_errors: dict[str, float]
    fitted: frozenset[str]
    """Candidates that every fold had enough examples for."""


def origins(newest: int, block: int) -> tuple[int, ...]:
    """Steps at which the folds of the newest `block` steps begin."""
    first = newest - block + 1
    return tuple(sorted({first + block * fold // ORIGINS for fold in range(ORIGINS)}))


def backtest(
    source: PanelSource, horizons: Sequence[int], block: int, seed: int, parallel_fits: int, given: Recipe | None = None
) -> BacktestResult | None:
    """Validate every candidate on the newest `block` steps; None where there are too few examples.

    Args:
        source: panels.
        horizons: steps ahead.
        block: newest steps, which the recipe is not chosen by.
        seed: of every draw and fit.
        parallel_fits: LightGBM models trained side by side.
        given: recipe to validate; None for the best one. The judged rows are the same for every recipe.
    """
    panel = source.panel
    rows = panel.rows
    steps = panel.step[rows]
    starts = origins(int(steps.max()), block)
    edges = (*starts, int(steps.max()) + 1)
    recipe, errors = (given, {}) if given else _recipe(source, horizons, starts[0], block, seed)
    parts, rows_of, fitted = [], [], []
    for first, last in itertools.pairwise(edges):
        learnt = examples(source, horizons, rows[steps < first], FOLD_EXAMPLES, seed, known_to=first)
        judged = examples(source, horizons, rows[(steps >= first) & (steps < last)], JUDGED_EXAMPLES, seed)
        if not set(horizons) <= set(np.unique(learnt.horizon).tolist()) or not len(judged):
            continue
        assert learnt.target.max() < judged.step.min()
        forecaster = fit(learnt, source.layout, recipe, seed, parallel_fits)
        parts.append(record_of(judged, forecaster.forecast(judged)))
        rows_of.append(judged)
        fitted.append(frozenset(forecaster.fitted))
    if not parts:
        return None
    record, judged = concatenate_records(parts), concatenate_examples(rows_of)
    return BacktestResult(starts, record, judged, recipe, errors, frozenset.intersection(*fitted))


def _recipe(
    source: PanelSource, horizons: Sequence[int], origin: int, block: int, seed: int
) -> tuple[Recipe, dict[str, float]]:
    """The best recipe on the block before the one that the backtest judges: not chosen by what it meets there."""
    rows = source.panel.rows
    steps = source.panel.step[rows]
    first = origin - block
    learnt = examples(source, horizons, rows[steps < first], RECIPE_EXAMPLES, seed, known_to=first)
    before = rows[(steps >= first) & (steps < origin)]
    judged: Examples = examples(source, horizons, before, RECIPE_EXAMPLES, seed, known_to=origin)
    return best_recipe(learnt, judged, source.layout, seed)
