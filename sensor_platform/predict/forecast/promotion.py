"""The promotion gate: decides by errors on the same rows whether a new model replaces the champion. Pure."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.chance import by_chance, time_blocks
from sensor_platform.predict.features.matrix import Examples, InputLayout
from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.forecast.candidates.candidate_table import BASELINES
from sensor_platform.predict.forecast.candidates.forecaster import Forecaster
from sensor_platform.predict.forecast.model_card import ForecasterCard
from sensor_platform.predict.forecast.selection.adjust import ServingRule, apply_rules
from sensor_platform.predict.forecast.selection.forecast_record import ForecastRecord, HorizonBucket
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster

TOLERANCE = 0.02
"""A challenger may be this share worse than champion or baseline: newer data is worth a little noise."""
LEAST_HOURS = 24
"""With fewer hours that the champion has not seen, the recipes are compared instead, in the whole backtest."""
CHANCE = 0.05
"""Probability that a challenger as good as the champion is refused because of chance (paired, one-sided Student's t);
in buckets it is divided by their number."""
LEAST_BLOCKS = 24
"""Observations of that test: blocks of six hours or a quarter of the farthest horizon, else single hours."""
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
    record: ForecastRecord | None = None
    """What a model of its recipe would have forecast in the challenger's backtest, entry by entry; None if unknown."""


def decide(learned: LearnedForecaster, contents: Mapping[str, bytes], champion: Incumbent | None) -> PromotionDecision:
    """Promote a valid challenger that is not worse than the baselines and the champion, pooled and in every bucket.

    Args:
        learned: the challenger; compared by the forecasts of its backtest.
        contents: its files.
        champion: if there is one; compared on targets after its trained_to, or by its recipe where these are few. It
            stays where neither is possible.
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


def new_hours(judged: Examples, champion: Incumbent) -> int:
    """Number of hours of a challenger's backtest that are new to the champion."""
    return len(np.unique(judged.target[judged.target > champion.trained_to]))


def _against(
    record: ForecastRecord, judged: Examples, rules: Sequence[ServingRule], champion: Incumbent
) -> PromotionDecision:
    """Compare with the champion on hours that are new to it; where these are too few, with its recipe."""
    hours, ours = new_hours(judged, champion), served_errors(record, rules)
    if hours >= LEAST_HOURS:
        fresh = judged.target > champion.trained_to
        unseen = judged.where(fresh)
        theirs = np.abs(apply_rules(champion.rules, unseen, champion.forecaster.forecast(unseen)).value - unseen.actual)
        return _compared(unseen, ours[fresh], theirs, rules, f"over {hours} hours that are new to it")
    if champion.record is None or len(champion.record) != len(record):
        why = f"only {hours} hours are new to the champion, {LEAST_HOURS} are needed to compare; it stays"
        return PromotionDecision(promoted=False, why=why)
    theirs = served_errors(champion.record, champion.rules)
    how = f"recipe in the whole backtest; only {hours} hours are new to it"
    return _compared(judged, ours, theirs, rules, how)


def _compared(
    rows: Examples, ours: Floats, theirs: Floats, rules: Sequence[ServingRule], how: str
) -> PromotionDecision:
    """Refuse a challenger that is worse than the champion on these rows beyond chance, pooled or in a bucket."""
    own, other = _pooled(ours, rows.horizon), _pooled(theirs, rows.horizon)
    why = f"error {own:.4g} against the champion's {other:.4g} {how}"
    groups = time_blocks(rows.target, rows.horizon, LEAST_BLOCKS)
    counts = np.bincount(rows.horizon)[rows.horizon]
    weight = len(rows) / (len(np.unique(rows.horizon)) * counts)
    if _is_worse(ours * weight, theirs * weight, groups, CHANCE):
        return PromotionDecision(promoted=False, why=why)
    for rule in rules:
        inside = HorizonBucket(rule.first, rule.last).holds(rows.horizon)
        if inside.any() and _is_worse(ours[inside], theirs[inside], groups[inside], CHANCE / len(rules)):
            worse = f"{ours[inside].mean():.4g} against {theirs[inside].mean():.4g}"
            return PromotionDecision(promoted=False, why=f"{worse} at {rule.first}-{rule.last} h, though {why}")
    return PromotionDecision(promoted=True, why=why)


def _is_worse(ours: Floats, theirs: Floats, groups: Ints, chance: float) -> bool:
    """Whether `ours` are larger by more than the tolerance, and by more than chance explains."""
    more = ours - theirs
    return bool(more.mean() > max(TOLERANCE * theirs.mean(), by_chance(more, groups, chance, LEAST_BLOCKS)))


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
