"""Forecasts of a file's test part by the platform's own recipe, judged as they would have been served.

Everything before the test's start is learnt from once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.predict.evaluate.read_series import Table
from sensor_platform.predict.evaluate.result_rows import Row, judged_rows
from sensor_platform.predict.evaluate.serve_piecewise import serve
from sensor_platform.predict.features import feature_table as features
from sensor_platform.predict.features.matrix import PanelSource, examples
from sensor_platform.predict.features.panel import Panel
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster, learn

TEST_EXAMPLES = 480_000
"""Pairs of hour and horizon that are judged at most, drawn at random."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TargetReport:
    """What came of one target."""

    target: str
    status: str
    """`forecast`, or why not."""
    trained_rows: int = 0
    tested_rows: int = 0
    recipe: str = ""
    interval_rests_on: str = ""
    rows: tuple[Row, ...] = ()
    """One per bucket, and `all`: the mean over the horizons."""
    by_horizon: tuple[Row, ...] = ()


def forecast(table: Table, config: ForecastConfig, say: Say) -> tuple[TargetReport, ...]:
    """Learn and judge every target; first all is learnt, so that the panels of both parts are never held at once."""
    before = panels_of(table, table.test_from)
    learnt = {name: _learnt(name, table, before, config, say) for name in table.targets}
    del before
    whole = panels_of(table, None)
    return tuple(_judged(name, table, whole, *learnt[name], config, say) for name in table.targets)


def panels_of(table: Table, known_to: int | None) -> dict[str, Panel]:
    """Panels of all metrics; with `known_to` only of rows before that step, so that nothing later can be seen."""
    import polars as pl

    frame = table.frame
    if known_to is not None:
        steps = frame["window_start"].dt.epoch("us") // table.rhythm.step_us
        frame = frame.filter(steps < known_to)
    return {
        name: features.build(frame.select("device_id", "window_start", pl.col(name).alias("mean")), table.rhythm)
        for name in (*table.targets, *table.others)
    }


def _source(name: str, panels: dict[str, Panel]) -> PanelSource:
    return PanelSource(panels[name], {other: panel for other, panel in panels.items() if other != name})


def _learnt(
    name: str, table: Table, before: dict[str, Panel], config: ForecastConfig, say: Say
) -> tuple[LearnedForecaster | None, int]:
    """What was learnt of a target, None where not every horizon could be, and from how many values."""
    known = _source(name, before)
    say(f"{name}: learning from {len(known.panel.rows):,} values")
    block = config.backtest_hours * HOUR // table.rhythm.step_us
    if table.rhythm.step_us >= DAY:
        block = max(block, 90)
    learned = learn(known, table.horizons, block, config.seed, config.parallel_fits)
    if learned is None or set(table.horizons) - set(learned.forecaster.units):
        return None, len(known.panel.rows)
    return replace(learned, judged=None), len(known.panel.rows)


def _judged(
    name: str,
    table: Table,
    whole: dict[str, Panel],
    learned: LearnedForecaster | None,
    trained: int,
    config: ForecastConfig,
    say: Say,
) -> TargetReport:
    if learned is None:
        return TargetReport(name, "not forecast: its values before the test's start hold no pair for every horizon")
    source = _source(name, whole)
    rows = source.panel.rows
    issued = rows[source.panel.step[rows] >= table.test_from - 1]
    test = examples(source, table.horizons, issued, TEST_EXAMPLES, config.seed)
    if not len(test):
        return TargetReport(name, "not judged: no forecast of the test part has an actual")
    say(f"{name}: judging {len(test):,} forecasts")
    said = learned.forecaster.forecast(test)
    served = serve(learned, test, said, table.horizons, table.rhythm.step_us, config)
    by_bucket, by_horizon = judged_rows(test, said, served)
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
