"""Loss and cost of predictions with known ground truth, and whether one model loses clearly more. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensor_platform.predict.chance import by_chance
from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.task_card import TaskCard
from sensor_platform.predict.supervised.task_model import TaskPrediction
from sensor_platform.predict.supervised.task_rows import TaskRows

WORSE = 0.05
"""A model must be worse by this fraction before significance is tested."""
CHANCE = 1e-4
"""Probability per test that one of two equally good models counts as clearly worse (Student's t)."""
LEAST_GROUPS = 8
"""Fewer days, cycles or labels are not enough evidence."""


def target_of(rows: TaskRows, config: TaskConfig) -> Floats:
    """The value to predict: the ground truth, or for remaining life the hours left."""
    if config.kind != "remaining_life":
        return rows.truth
    left: Floats = np.minimum(rows.truth - rows.hour, float(config.most_hours))
    return left


def loss_of(chances_or_hours: Floats, target: Floats, config: TaskConfig) -> Floats:
    """Loss of each row: log loss of the outcome, or absolute error in hours."""
    if config.kind == "remaining_life":
        return np.abs(chances_or_hours - target)
    own = chances_or_hours[np.arange(len(target)), target.astype(np.int64)]
    lost: Floats = -np.log(np.clip(own, 1e-6, 1.0))
    return lost


@dataclass(frozen=True, slots=True)
class RowLosses:
    """Loss and cost per row; arrays of one length."""

    loss: Floats
    """Brier score of the probabilities, or absolute error in hours."""
    cost: Floats
    """Cost of the decision, in the unit of the task's costs."""


def row_losses(prediction: TaskPrediction, target: Floats, card: TaskCard, config: TaskConfig) -> RowLosses:
    """Loss and cost of a model.

    Args:
        prediction: predictions of the model.
        target: 1 or 0, number of the class, or hours left.
        card: card of the model.
        config: costs of mistakes.
    """
    if card.kind == "classes":
        number = target.astype(np.int64)
        actual = np.eye(len(card.classes))[number]
        dear = np.array([config.class_costs.get(name, 1.0) for name in card.classes])[number]
        return RowLosses(
            ((prediction.probabilities - actual) ** 2).sum(axis=1), np.where(prediction.decided == number, 0.0, dear)
        )
    soon = target > 0 if card.kind == "failure" else target <= config.horizon_hours
    loss = (prediction.value - target) ** 2 if card.kind == "failure" else np.abs(prediction.value - target)
    mistake = np.where(soon, config.costs.missed, config.costs.false_alarm)
    return RowLosses(loss, np.where(prediction.is_alarm == soon, 0.0, mistake))


def without_a_model(target: Floats, card: TaskCard, config: TaskConfig) -> RowLosses:
    """Loss of always predicting the base rates (or the median), and cost of the cheapest constant decision."""
    if card.kind == "classes":
        number = target.astype(np.int64)
        shares = np.bincount(number, minlength=len(card.classes)) / max(len(number), 1)
        dear = np.array([config.class_costs.get(name, 1.0) for name in card.classes])
        chosen = int(np.argmax(shares * dear))
        actual = np.eye(len(card.classes))[number]
        loss: Floats = ((shares - actual) ** 2).sum(axis=1)
        return RowLosses(loss, np.where(number == chosen, 0.0, dear[number]))
    soon = target > 0 if card.kind == "failure" else target <= config.horizon_hours
    off: Floats = target - (target.mean() if card.kind == "failure" else np.median(target))
    never: Floats = np.where(soon, config.costs.missed, 0.0)
    always: Floats = np.where(soon, 0.0, config.costs.false_alarm)
    return RowLosses(
        off**2 if card.kind == "failure" else np.abs(off), never if never.sum() <= always.sum() else always
    )


def is_clearly_more(mine: Floats, theirs: Floats, groups: Sequence[Ints]) -> bool:
    """Whether `mine` exceeds `theirs` by 5 % and significantly, for each grouping of rows.

    TaskRows of a group (a day, a cycle, a label) are correlated and count as one observation.

    Args:
        mine: losses by row.
        theirs: losses of the other model for the same rows.
        groups: group numbers of the rows, for one or more groupings; each needs eight groups.
    """
    more = mine - theirs
    if not len(more) or more.mean() <= max(WORSE * theirs.mean(), 0.0):
        return False
    return all(more.mean() > by_chance(more, each, CHANCE, LEAST_GROUPS) for each in groups)
