"""Whether a newly trained model takes over. Pure: two models' errors on the same backtest rows in, a decision out."""

from dataclasses import dataclass

import numpy as np

from sensor_platform.predict.baselines import LIGHTGBM, SEASONAL_NAIVE
from sensor_platform.predict.card import Card
from sensor_platform.predict.forecaster import Forecaster
from sensor_platform.predict.learn import Learned
from sensor_platform.predict.matrix import Examples, Floats, as_utc64
from sensor_platform.predict.registry import Model

TOLERANCE = 0.02
"""A challenger may be this share worse than champion or baseline: younger data is worth a little noise."""
LEAST_HOURS = 24
"""Fewer fresh hours say nothing about which of two models is better."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on a challenger and its reason in words."""

    promoted: bool
    why: str


def decide(learned: Learned, champion: Model | None) -> Decision:
    """Promote if there is no champion, or if it is not worse than the baselines and the champion on the backtest block.

    Args:
        learned: the challenger. Its recipe, trained without the backtest block, is what is compared.
        champion: in force, if any. It is compared only where it has not seen the answer (targets after its trained_to).
    """
    if champion is None:
        return Decision(promoted=True, why="first model of this metric")
    judged, backtested = learned.judged, learned.backtested
    own = _errors(learned.card, backtested, judged)
    simplest = np.abs(judged.value - judged.actual)
    if _pooled(own, judged) > _pooled(simplest, judged) * (1 + TOLERANCE):
        return Decision(promoted=False, why="worse than persistence on the backtest block")
    if not set(backtested.scales) <= set(champion.forecaster.scales):
        return Decision(promoted=True, why="the champion lacks a configured horizon")
    fresh = judged.target_at > as_utc64(champion.card.trained_to)
    hours = len(np.unique(judged.target_at[fresh]))
    if hours < LEAST_HOURS:
        return Decision(promoted=True, why=f"same recipe on newer data; only {hours} hours are new to the champion")
    unseen = judged.where(fresh)
    theirs, ours = _pooled(_errors(champion.card, champion.forecaster, unseen), unseen), _pooled(own[fresh], unseen)
    verdict = f"error {ours:.4g} against the champion's {theirs:.4g} over {hours} hours that are new to it"
    return Decision(promoted=ours <= theirs * (1 + TOLERANCE), why=verdict)


def _errors(card: Card, model: Forecaster, rows: Examples) -> Floats:
    """Absolute errors of what `card` serves, for every row."""
    errors = np.abs(rows.value - rows.actual)
    for horizon in card.horizons:
        mask = rows.horizon == horizon.horizon_hours
        part = rows.where(mask)
        if horizon.served == LIGHTGBM:
            errors[mask] = np.abs(model.predict(part.inputs, part.value, horizon.horizon_hours).median - part.actual)
        elif horizon.served == SEASONAL_NAIVE:
            served = np.where(np.isnan(part.seasonal), part.value, part.seasonal)
            errors[mask] = np.abs(served - part.actual)
    return errors


def _pooled(errors: Floats, rows: Examples) -> float:
    """Mean over the horizons of the mean error: a horizon counts the same however many rows it has."""
    return float(np.mean([errors[rows.horizon == horizon].mean() for horizon in np.unique(rows.horizon)]))
