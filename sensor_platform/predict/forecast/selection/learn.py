"""Training of one metric: backtest, selection, calibration and final fit. Pure and reproducible."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensor_platform.predict.features.matrix import Examples, PanelSource, examples
from sensor_platform.predict.forecast.candidates.candidate import Recipe
from sensor_platform.predict.forecast.candidates.forecaster import Forecaster, fit
from sensor_platform.predict.forecast.selection.adjust import ServingRule, adjust, preview_coverage
from sensor_platform.predict.forecast.selection.backtest import backtest
from sensor_platform.predict.forecast.selection.forecast_record import ForecastRecord

FINAL_EXAMPLES = 120_000


@dataclass(frozen=True, slots=True)
class LearnedForecaster:
    """A trained forecaster with its serving rules and its backtest."""

    forecaster: Forecaster
    rules: tuple[ServingRule, ...]
    record: ForecastRecord | None
    """The backtest's forecasts and actuals; None where the history was too short for one."""
    judged: Examples | None
    """The examples of that record, in its order."""
    coverage: float | None
    """Coverage of the record's newer half with the margins of its older half."""
    origins: tuple[int, ...]
    recipe_errors: dict[str, float]
    examples: int


def block_steps(history: int, asked: int) -> int:
    """Length of the block that the backtest validates: as asked, but never more than a quarter of the history."""
    return min(asked, history // 4)


def learn(
    source: PanelSource, horizons: Sequence[int], block: int, seed: int, parallel_fits: int = 2
) -> LearnedForecaster | None:
    """Backtest, choose, calibrate, then train again on everything; None without a single pair of hours to learn from.

    Args:
        source: panels up to the newest hour that may be learnt from.
        horizons: steps ahead.
        block: newest steps that the backtest may use for validation.
        seed: of every draw and fit.
        parallel_fits: LightGBM models trained side by side.
    """
    rows = source.panel.rows
    if not len(rows):
        return None
    everything = examples(source, horizons, limit=FINAL_EXAMPLES, seed=seed)
    if not len(everything):
        return None
    steps = source.panel.step[rows]
    history = int(steps.max() - steps.min()) + 1
    judged = backtest(source, horizons, block_steps(history, block), seed, parallel_fits)
    final = fit(everything, source.layout, judged.recipe if judged else Recipe(), seed, parallel_fits)
    # A candidate that no backtest has judged is never served, and must not give the interval either.
    known = judged.fitted if judged else frozenset()
    final = final.without({name for name, each in final.fitted.items() if each.has_interval and name not in known})
    return LearnedForecaster(
        forecaster=final,
        rules=adjust(judged.record if judged else _nothing(), horizons),
        record=judged.record if judged else None,
        judged=judged.judged if judged else None,
        coverage=preview_coverage(judged.record, horizons) if judged else None,
        origins=judged.origins if judged else (),
        recipe_errors=judged.recipe_errors if judged else {},
        examples=len(everything),
    )


def _nothing() -> ForecastRecord:
    none = np.empty(0)
    return ForecastRecord(none.astype(np.int64), none.astype(np.int32), none, {}, none, none, none)
