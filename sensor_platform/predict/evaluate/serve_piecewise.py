"""A test part served piece by piece, as the platform would have: by rules from what could be known at each time.

During the test, choice and intervals are adjusted up to four times a day from the backtest and from what had come true
by then, as the platform does by its live record.
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
class Served:
    """What was served, per example."""

    value: Floats
    lower: Floats
    upper: Floats
    shares: dict[str, Floats]
    """Weight of each candidate in it."""
    rests_on: set[str]
    """What the widenings of its intervals rested on."""


def serve(
    learned: LearnedForecaster,
    test: Examples,
    said: Forecasts,
    horizons: Sequence[int],
    step_us: int,
    config: ForecastConfig,
) -> Served:
    """Piece by piece, with the rules that could be known at the beginning of that piece.

    Args:
        learned: with its backtest's record, where there is one.
        test: what is forecast, with what came.
        said: every candidate's forecasts of it.
        horizons: steps ahead.
        step_us: length of a step in microseconds.
        config: `record_hours` says how far back evidence counts.
    """
    evidence = _by_time(learned, test, said)
    targets = evidence.target
    window = max(config.record_hours * HOUR // step_us, 60)
    size = len(test)
    served = Served(
        np.empty(size), np.empty(size), np.empty(size), {name: np.zeros(size) for name in said.by_candidate}, set()
    )
    for start, stop in _pieces(test, step_us):
        piece = np.flatnonzero((test.step >= start) & (test.step < stop))
        if not len(piece):
            continue
        # Known at the first hour of the piece: targets up to and including it.
        low, high = np.searchsorted(targets, [start - window, start + 1])
        record = evidence.where(_some(int(low), int(high)))
        _fill(served, piece, adjust(record, horizons) if len(record) else learned.rules, test, said)
    return served


def _by_time(learned: LearnedForecaster, test: Examples, said: Forecasts) -> ForecastRecord:
    """Backtest and test, in the order in which they came true."""
    outcome = record_of(test, said)
    evidence = concatenate_records([learned.record, outcome]) if learned.record is not None else outcome
    return evidence.where(np.argsort(evidence.target, kind="stable"))


def _pieces(test: Examples, step_us: int) -> list[tuple[int, int]]:
    """First step and end of each piece: a quarter of a day, but of a short test a twentieth, and not too many."""
    first, last = int(test.step.min()), int(test.step.max()) + 1
    quarter = max(DAY // 4 // step_us, 1)
    every = max(min(quarter, max(1, (last - first) // 20)), -(-(last - first) // MOST_ADJUSTMENTS))
    return [(start, start + every) for start in range(first, last, every)]


def _some(low: int, high: int) -> Ints:
    """The rows low..high, or so many of them, evenly."""
    if high - low <= RECORD_ROWS:
        return np.arange(low, high)
    return np.linspace(low, high - 1, RECORD_ROWS).astype(np.int64)


def _fill(served: Served, piece: Ints, rules: Sequence[ServingRule], test: Examples, said: Forecasts) -> None:
    part = Forecasts(
        {name: each[piece] for name, each in said.by_candidate.items()},
        said.lower[piece],
        said.upper[piece],
        said.width[piece],
        said.least,
    )
    rows = test.where(piece)
    done = apply_rules(rules, rows, part)
    served.value[piece], served.lower[piece], served.upper[piece] = done.value, done.lower, done.upper
    for rule in rules:
        inside = piece[HorizonBucket(rule.first, rule.last).holds(rows.horizon)]
        for name, weight in rule.shares(said.by_candidate).items():
            served.shares[name][inside] = weight
    served.rests_on.update(rule.widening_rests_on for rule in rules)
