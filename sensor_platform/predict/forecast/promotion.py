"""The promotion gate: decides by errors on the same rows whether a new model replaces the champion. Pure."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.matrix import Examples, InputLayout
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates.candidate_table import BASELINES
from sensor_platform.predict.forecast.candidates.forecaster import Forecaster
from sensor_platform.predict.forecast.model_card import ForecasterCard
from sensor_platform.predict.forecast.selection.adjust import ServingRule, apply_rules
from sensor_platform.predict.forecast.selection.forecast_record import ForecastRecord, HorizonBucket
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster

TOLERANCE = 0.02
"""A challenger may be this share worse than champion or baseline: newer data is worth a little noise."""
LEAST_HOURS = 24
"""With fewer hours that the champion has not seen, the two are not compared."""
COVERAGE = (0.80, 0.98)
"""Bounds of the interval coverage of the backtest's newer half, calibrated on its older half."""
LEAST_COVERED = 500
"""With fewer rows in the backtest, coverage is not checked."""
MOST_BYTES = 50_000_000
MOST_SECONDS = 2.0
"""CPU time for a thousand forecasts."""


@dataclass(frozen=True, slots=True)
class PromotionDecision:
    """Whether a challenger is promoted, and why."""

    promoted: bool
    why: str


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The champion as the gate sees it."""

    card: ForecasterCard
    forecaster: Forecaster
    rules: tuple[ServingRule, ...]
    trained_to: int
    """Step."""


def decide(learned: LearnedForecaster, contents: Mapping[str, bytes], champion: Incumbent | None) -> PromotionDecision:
    """Promote a valid challenger that is not worse than the baselines and the champion, pooled and in every bucket.

    Args:
        learned: the challenger; compared by the forecasts of its backtest.
        contents: its files.
        champion: if there is one; compared only on targets after its trained_to.
    """
    refused = _unsound(learned, contents)
    if refused:
        return PromotionDecision(promoted=False, why=refused)
    if champion is None:
        return PromotionDecision(promoted=True, why="first model of this metric")
    if champion.forecaster.layout.sha256 != learned.forecaster.layout.sha256:
        return PromotionDecision(promoted=True, why="the champion was made for other inputs")
    if learned.record is None or learned.judged is None:
        return PromotionDecision(promoted=False, why="no backtest to compare by")
    if not set(np.unique(learned.judged.horizon).tolist()) <= set(champion.card.horizons):
        return PromotionDecision(promoted=True, why="the champion lacks a configured horizon")
    return _against(learned.record, learned.judged, learned.rules, champion)


def _unsound(learned: LearnedForecaster, contents: Mapping[str, bytes]) -> str | None:
    """Why a challenger is refused whatever the champion; None if it is not."""
    size = sum(len(data) for data in contents.values())
    if size > MOST_BYTES:
        return f"{size:,} bytes, more than the {MOST_BYTES:,} that a model may have"
    layout = learned.forecaster.layout
    if InputLayout(layout.grid, layout.others, layout.attributes).sha256 != layout.sha256:
        return "it was made for other features than are computed now"
    if learned.record is None:
        return None
    relied_on = _relied_on(learned.record, learned.rules)
    own, best = _served_error(relied_on, learned.rules), _best_baseline(relied_on)
    if own > best * (1 + TOLERANCE):
        return f"error {own:.4g} in the backtest, worse than the best baseline's {best:.4g}"
    worse = _worse_bucket(relied_on, learned.rules)
    if worse:
        return worse
    least, most = COVERAGE
    covered = learned.coverage
    if covered is not None and len(learned.record) >= LEAST_COVERED and not least <= covered <= most:
        return f"its interval covered {covered:.1%} of the backtest's newer half, outside {least:.0%}-{most:.0%}"
    seconds = _seconds(learned)
    if seconds > MOST_SECONDS:
        return f"{seconds:.1f} s for a thousand forecasts, more than {MOST_SECONDS} s"
    return None


def _relied_on(record: ForecastRecord, rules: Sequence[ServingRule]) -> ForecastRecord:
    """The entries that the rules were chosen by: for a bucket with a regime change only the newest."""
    wanted = np.ones(len(record), dtype=bool)
    for rule in (rule for rule in rules if rule.newest):
        own = np.flatnonzero(HorizonBucket(rule.first, rule.last).holds(record.horizon))
        by_time = own[np.argsort(record.target[own], kind="stable")]
        wanted[by_time[: -rule.newest]] = False
    return record.where(wanted)


def _worse_bucket(record: ForecastRecord, rules: Sequence[ServingRule]) -> str | None:
    """The first bucket in which a baseline is better than the served forecasts, in words; None where none is."""
    served, errors = served_errors(record, rules), record.errors()
    for rule in rules:
        inside = HorizonBucket(rule.first, rule.last).holds(record.horizon)
        if not inside.any():
            continue
        best = min(float(errors[name][inside].mean()) for name in BASELINES)
        own = float(served[inside].mean())
        if own > best * (1 + TOLERANCE):
            return f"error {own:.4g} at {rule.first}-{rule.last} h, worse than the best baseline's {best:.4g}"
    return None


def _against(
    record: ForecastRecord, judged: Examples, rules: Sequence[ServingRule], champion: Incumbent
) -> PromotionDecision:
    fresh = judged.target > champion.trained_to
    hours = len(np.unique(judged.target[fresh]))
    if hours < LEAST_HOURS:
        return PromotionDecision(
            promoted=True, why=f"same recipe on newer data; only {hours} hours are new to the champion"
        )
    unseen = judged.where(fresh)
    theirs = np.abs(apply_rules(champion.rules, unseen, champion.forecaster.forecast(unseen)).value - unseen.actual)
    ours = served_errors(record, rules)[fresh]
    own, other = _pooled(ours, unseen.horizon), _pooled(theirs, unseen.horizon)
    why = f"error {own:.4g} against the champion's {other:.4g} over {hours} hours that are new to it"
    if own > other * (1 + TOLERANCE):
        return PromotionDecision(promoted=False, why=why)
    for rule in rules:
        inside = HorizonBucket(rule.first, rule.last).holds(unseen.horizon)
        if inside.any() and ours[inside].mean() > theirs[inside].mean() * (1 + TOLERANCE):
            worse = f"{ours[inside].mean():.4g} against {theirs[inside].mean():.4g}"
            return PromotionDecision(promoted=False, why=f"{worse} at {rule.first}-{rule.last} h, though {why}")
    return PromotionDecision(promoted=True, why=why)


def served_errors(record: ForecastRecord, rules: Sequence[ServingRule]) -> Floats:
    """Absolute error of the served forecast, for every entry."""
    served = np.full(len(record), np.nan)
    for rule in rules:
        inside = HorizonBucket(rule.first, rule.last).holds(record.horizon)
        served[inside] = np.abs(rule.value(record.by_candidate, inside) - record.actual[inside])
    return served


def _served_error(record: ForecastRecord, rules: Sequence[ServingRule]) -> float:
    return _pooled(served_errors(record, rules), record.horizon)


def _best_baseline(record: ForecastRecord) -> float:
    errors = record.errors()
    return min(_pooled(errors[name], record.horizon) for name in BASELINES)


def _pooled(errors: Floats, horizon: npt.NDArray[np.int32]) -> float:
    """Mean over the horizons of the mean error: a horizon counts the same however many rows it has."""
    return float(np.mean([errors[horizon == each].mean() for each in np.unique(horizon)]))


def _seconds(learned: LearnedForecaster) -> float:
    if learned.judged is None:
        return 0.0
    some = learned.judged.where(np.arange(len(learned.judged)) < 1000)
    began = time.process_time()
    learned.forecaster.forecast(some)
    return time.process_time() - began
