"""Replay the test part piece by piece, as the platform would have served it.

Up to four times a day, the choice of candidates and the intervals are adjusted from the backtest and from the forecasts
whose actual value was known by then, as the platform does with its live record.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.predict.features.matrix import Examples
from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.forecast.candidates.forecaster import Forecasts
from sensor_platform.predict.forecast.config import ForecastConfig
from sensor_platform.predict.forecast.selection.adjust import ServingRule, adjust, apply_rules
from sensor_platform.predict.forecast.selection.forecast_record import (
    ForecastRecord,
    HorizonBucket,
    concatenate_records,
    record_of,
)
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster

RECORD_ROWS = 60_000
MOST_ADJUSTMENTS = 200


@dataclass(frozen=True, slots=True)
class ReplayedForecasts:
    """Served forecasts, per example."""

    value: Floats
    lower: Floats
    upper: Floats
    shares: dict[str, Floats]
    """Weight of each candidate in the served forecast."""
    rests_on: set[str]
    """Which evidence the widening of the intervals used."""


def replay_forecasts(
    learned: LearnedForecaster,
    test: Examples,
    forecasts: Forecasts,
    horizons: Sequence[int],
    step_us: int,
    config: ForecastConfig,
) -> ReplayedForecasts:
    """Serve each piece with the rules that could be known at its beginning.

    Args:
        learned: trained forecaster, with the record of its backtest where there is one.
        test: examples of the test part, with actual values.
        forecasts: forecasts of every candidate for `test`.
        horizons: steps ahead.
        step_us: step length, microseconds.
        config: `record_hours` is the age limit of evidence.
    """
    evidence = _by_time(learned, test, forecasts)
    targets = evidence.target
    window = max(config.record_hours * HOUR // step_us, 60)
    size = len(test)
    served = ReplayedForecasts(
        np.empty(size), np.empty(size), np.empty(size), {name: np.zeros(size) for name in forecasts.by_candidate}, set()
    )
    for start, stop in _pieces(test, step_us):
        piece = np.flatnonzero((test.step >= start) & (test.step < stop))
        if not len(piece):
            continue
        # Actual values up to and including the first step of the piece are known.
        low, high = np.searchsorted(targets, [start - window, start + 1])
        record = evidence.where(_some(int(low), int(high)))
        _fill(served, piece, adjust(record, horizons) if len(record) else learned.rules, test, forecasts)
    return served


def _by_time(learned: LearnedForecaster, test: Examples, forecasts: Forecasts) -> ForecastRecord:
    """Forecasts of backtest and test, ordered by the time of their actual value."""
    outcome = record_of(test, forecasts)
    evidence = concatenate_records([learned.record, outcome]) if learned.record is not None else outcome
    return evidence.where(np.argsort(evidence.target, kind="stable"))


def _pieces(test: Examples, step_us: int) -> list[tuple[int, int]]:
    """First step and end of each piece: a quarter of a day, of a short test a twentieth; at most MOST_ADJUSTMENTS."""
    first, last = int(test.step.min()), int(test.step.max()) + 1
    quarter = max(DAY // 4 // step_us, 1)
    every = max(min(quarter, max(1, (last - first) // 20)), -(-(last - first) // MOST_ADJUSTMENTS))
    return [(start, start + every) for start in range(first, last, every)]


def _some(low: int, high: int) -> Ints:
    """The rows from low to high, or RECORD_ROWS of them, spaced evenly."""
    if high - low <= RECORD_ROWS:
        return np.arange(low, high)
    return np.linspace(low, high - 1, RECORD_ROWS).astype(np.int64)


def _fill(
    served: ReplayedForecasts, piece: Ints, rules: Sequence[ServingRule], test: Examples, forecasts: Forecasts
) -> None:
    part = Forecasts(
        {name: each[piece] for name, each in forecasts.by_candidate.items()},
        forecasts.lower[piece],
        forecasts.upper[piece],
        forecasts.width[piece],
        forecasts.least,
    )
    rows = test.where(piece)
    done = apply_rules(rules, rows, part)
    served.value[piece], served.lower[piece], served.upper[piece] = done.value, done.lower, done.upper
    for rule in rules:
        inside = piece[HorizonBucket(rule.first, rule.last).holds(rows.horizon)]
        for name, weight in rule.shares(forecasts.by_candidate).items():
            served.shares[name][inside] = weight
    served.rests_on.update(rule.widening_rests_on for rule in rules)
