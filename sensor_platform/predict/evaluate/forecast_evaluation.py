"""Evaluate the forecasts of the platform on the test part of a file, as they would have been served.

Models are trained once, on everything before the test.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.predict.evaluate.forecast_replay import ReplayedForecasts, replay_forecasts
from sensor_platform.predict.evaluate.read_series import EvaluationData, Progress
from sensor_platform.predict.features import feature_table as features
from sensor_platform.predict.features.matrix import Examples, PanelSource, examples
from sensor_platform.predict.features.panel import Panel
from sensor_platform.predict.forecast.candidates.baselines import PERSISTENCE
from sensor_platform.predict.forecast.candidates.candidate_table import BASELINES, CANDIDATES
from sensor_platform.predict.forecast.candidates.forecaster import Forecasts
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.forecast.selection.forecast_record import buckets
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster, learn

TEST_EXAMPLES = 480_000
"""Maximum number of pairs of hour and horizon to evaluate, drawn at random."""


@dataclass(frozen=True, slots=True)
class HorizonErrors:
    """Errors of one horizon or bucket of horizons of one target, in the target's unit."""

    horizons: str
    rows: int
    mae: dict[str, float]
    mae_served: float
    served: dict[str, float]
    """Mean weight of each candidate in the served forecast; the weights sum to 1."""
    coverage: float
    width: float


def errors_by_horizon(
    test: Examples, forecasts: Forecasts, served: ReplayedForecasts
) -> tuple[tuple[HorizonErrors, ...], tuple[HorizonErrors, ...]]:
    """Errors per bucket with `all`, the mean over the horizons, at the end; and errors per horizon."""
    horizons = tuple(int(each) for each in np.unique(test.horizon))
    by_horizon = tuple(_row(str(h), test.horizon == h, test, forecasts, served) for h in horizons)
    by_bucket = [_row(str(bucket), bucket.holds(test.horizon), test, forecasts, served) for bucket in buckets(horizons)]
    return (*by_bucket, _mean(by_horizon)), by_horizon


def best_baseline(row: HorizonErrors) -> tuple[str, float]:
    """Name and error of the best baseline of a row."""
    name = min(BASELINES, key=lambda each: row.mae.get(each, np.inf))
    return name, row.mae.get(name, row.mae[PERSISTENCE])


def _row(
    label: str, mask: npt.NDArray[np.bool_], test: Examples, forecasts: Forecasts, served: ReplayedForecasts
) -> HorizonErrors:
    actual = test.actual[mask]
    names = [name for name in CANDIDATES if name in forecasts.by_candidate]
    shares = {name: float(served.shares[name][mask].mean()) for name in names}
    return HorizonErrors(
        horizons=label,
        rows=len(actual),
        mae={name: float(np.abs(forecasts.by_candidate[name][mask] - actual).mean()) for name in names},
        mae_served=float(np.abs(served.value[mask] - actual).mean()),
        served={name: share for name, share in shares.items() if share > 0},
        coverage=float(((actual >= served.lower[mask]) & (actual <= served.upper[mask])).mean()),
        width=float((served.upper[mask] - served.lower[mask]).mean()),
    )


def _mean(rows: tuple[HorizonErrors, ...]) -> HorizonErrors:
    """Mean over the horizons with equal weights; of coverage and weights the mean over the forecasts."""
    total = sum(row.rows for row in rows)
    names = [name for name in rows[0].mae if any(name in row.served for row in rows)]
    return HorizonErrors(
        horizons="all",
        rows=total,
        mae={name: float(np.mean([row.mae[name] for row in rows])) for name in rows[0].mae},
        mae_served=float(np.mean([row.mae_served for row in rows])),
        served={name: sum(row.served.get(name, 0.0) * row.rows for row in rows) / total for name in names},
        coverage=sum(row.coverage * row.rows for row in rows) / total,
        width=float(np.mean([row.width for row in rows])),
    )


@dataclass(frozen=True, slots=True)
class TargetReport:
    """Evaluation of one target. Field names are those of the JSON output."""

    target: str
    status: str
    """`forecast`, or the reason why it was not forecast."""
    trained_rows: int = 0
    tested_rows: int = 0
    recipe: str = ""
    interval_rests_on: str = ""
    rows: tuple[HorizonErrors, ...] = ()
    """One per bucket, and `all`, the mean over the horizons."""
    by_horizon: tuple[HorizonErrors, ...] = ()


def evaluate_forecasts(table: EvaluationData, config: ForecastConfig, progress: Progress) -> tuple[TargetReport, ...]:
    """Train and evaluate all targets.

    All are trained before the first is evaluated, so that the panels of both parts are never in memory together.

    Args:
        table: the file.
        config: settings of forecasting.
        progress: receives a line of text for people.
    """
    before = panels_of(table, table.test_from)
    trained = {name: _trained(name, table, before, config, progress) for name in table.targets}
    del before
    whole = panels_of(table, None)
    return tuple(_evaluated(name, table, whole, *trained[name], config, progress) for name in table.targets)


def panels_of(table: EvaluationData, known_to: int | None) -> dict[str, Panel]:
    """Panels of all columns; with `known_to` only of rows before that step, so that later rows cannot leak."""
    import polars as pl

    frame = table.frame
    if known_to is not None:
        steps = frame["window_start"].dt.epoch("us") // table.seasonal_grid.step_us
        frame = frame.filter(steps < known_to)
    return {
        name: features.build(frame.select("device_id", "window_start", pl.col(name).alias("mean")), table.seasonal_grid)
        for name in (*table.targets, *table.others)
    }


def _source(name: str, panels: dict[str, Panel]) -> PanelSource:
    return PanelSource(panels[name], {other: panel for other, panel in panels.items() if other != name})


def _trained(
    name: str, table: EvaluationData, before: dict[str, Panel], config: ForecastConfig, progress: Progress
) -> tuple[LearnedForecaster | None, int]:
    """The trained forecaster of a target and its number of values; None where a horizon could not be trained."""
    known = _source(name, before)
    progress(f"{name}: training on {len(known.panel.rows):,} values")
    block = config.backtest_hours * HOUR // table.seasonal_grid.step_us
    if table.seasonal_grid.step_us >= DAY:
        block = max(block, 90)
    learned = learn(known, table.horizons, block, config.seed, config.parallel_fits)
    if learned is None or set(table.horizons) - set(learned.forecaster.units):
        return None, len(known.panel.rows)
    return replace(learned, judged=None), len(known.panel.rows)


def _evaluated(
    name: str,
    table: EvaluationData,
    whole: dict[str, Panel],
    learned: LearnedForecaster | None,
    trained: int,
    config: ForecastConfig,
    progress: Progress,
) -> TargetReport:
    if learned is None:
        return TargetReport(name, "not forecast: before the test there are not enough values for every horizon")
    source = _source(name, whole)
    rows = source.panel.rows
    issued = rows[source.panel.step[rows] >= table.test_from - 1]
    test = examples(source, table.horizons, issued, TEST_EXAMPLES, config.seed)
    if not len(test):
        return TargetReport(name, "not evaluated: no forecast of the test part has an actual value")
    progress(f"{name}: evaluating {len(test):,} forecasts")
    forecasts = learned.forecaster.forecast(test)
    served = replay_forecasts(learned, test, forecasts, table.horizons, table.seasonal_grid.step_us, config)
    by_bucket, by_horizon = errors_by_horizon(test, forecasts, served)
    return TargetReport(
        target=name,
        status="forecast",
        trained_rows=trained,
        tested_rows=len(test),
        recipe=str(learned.forecaster.recipe) if learned.forecaster.has_interval else "baselines and linear model only",
        interval_rests_on=", ".join(sorted(served.rests_on)),
        rows=by_bucket,
        by_horizon=by_horizon,
    )
