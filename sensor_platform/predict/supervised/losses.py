"""What a model's decisions lose once the answer is known, and whether one loses clearly more than another. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.inputs import Rows
from sensor_platform.predict.supervised.task_card import TaskCard
from sensor_platform.predict.supervised.task_model import Said

WORSE = 0.05
"""A share by which something is worse, before it is asked whether that is chance."""
CHANCE = 1e-4
"""Of two equally good models one shows itself as clearly worse with this probability, in one look (Student's t)."""
LEAST_GROUPS = 8
"""Fewer days, lives or labels show nothing, whatever they say."""


def target_of(rows: Rows, config: TaskConfig) -> Floats:
    """What the model is to say: the answer, or for remaining life the hours that are left."""
    if config.kind != "remaining_life":
        return rows.answer
    left: Floats = np.minimum(rows.answer - rows.hour, float(config.most_hours))
    return left


def loss_of(chances_or_hours: Floats, target: Floats, config: TaskConfig) -> Floats:
    """What each row loses: log loss of what happened, or hours off."""
    if config.kind == "remaining_life":
        return np.abs(chances_or_hours - target)
    own = chances_or_hours[np.arange(len(target)), target.astype(np.int64)]
    lost: Floats = -np.log(np.clip(own, 1e-6, 1.0))
    return lost


@dataclass(frozen=True, slots=True)
class Lost:
    """Per row, arrays of one length."""

    loss: Floats
    """Brier score of the chances, or hours off."""
    cost: Floats
    """Of what was decided, in the unit of the task's costs."""


def lost(said: Said, target: Floats, card: TaskCard, config: TaskConfig) -> Lost:
    """What a model lost.

    Args:
        said: by the model.
        target: what came: 1 or 0, number of the class, or hours that were left.
        card: of the model.
        config: what mistakes cost.
    """
    if card.kind == "classes":
        number = target.astype(np.int64)
        came = np.eye(len(card.classes))[number]
        dear = np.array([config.class_costs.get(name, 1.0) for name in card.classes])[number]
        return Lost(((said.chances - came) ** 2).sum(axis=1), np.where(said.decided == number, 0.0, dear))
    soon = target > 0 if card.kind == "failure" else target <= config.horizon_hours
    loss = (said.value - target) ** 2 if card.kind == "failure" else np.abs(said.value - target)
    mistake = np.where(soon, config.costs.missed, config.costs.false_alarm)
    return Lost(loss, np.where(said.is_alarm == soon, 0.0, mistake))


def without_a_model(target: Floats, card: TaskCard, config: TaskConfig) -> Lost:
    """What saying the shares of the answers (or the median) always loses, and the cheapest decision without a look."""
    if card.kind == "classes":
        number = target.astype(np.int64)
        shares = np.bincount(number, minlength=len(card.classes)) / max(len(number), 1)
        dear = np.array([config.class_costs.get(name, 1.0) for name in card.classes])
        chosen = int(np.argmax(shares * dear))
        came = np.eye(len(card.classes))[number]
        loss: Floats = ((shares - came) ** 2).sum(axis=1)
        return Lost(loss, np.where(number == chosen, 0.0, dear[number]))
    soon = target > 0 if card.kind == "failure" else target <= config.horizon_hours
    off: Floats = target - (target.mean() if card.kind == "failure" else np.median(target))
    never: Floats = np.where(soon, config.costs.missed, 0.0)
    always: Floats = np.where(soon, 0.0, config.costs.false_alarm)
    return Lost(off**2 if card.kind == "failure" else np.abs(off), never if never.sum() <= always.sum() else always)


def is_clearly_more(mine: Floats, theirs: Floats, groups: Sequence[Ints]) -> bool:
    """Whether `mine` are larger than `theirs` by 5 %, and beyond chance, however rows are grouped.

    Rows of a group belong together (a day, a life, a label) and count as one observation: a bad day is one day.

    Args:
        mine: what was lost, row by row.
        theirs: by the other, on the same rows.
        groups: number of the group of each row, in one way or several; each must have eight groups.
    """
    more = mine - theirs
    if not len(more) or more.mean() <= max(WORSE * theirs.mean(), 0.0):
        return False
    return all(more.mean() > _by_chance(more, each) for each in groups)


def _by_chance(values: Floats, group: Ints) -> float:
    """What the mean of values that are alike within a group may be by chance; infinite with too few groups."""
    from scipy.special import stdtrit

    number = np.unique(group, return_inverse=True)[1]
    count = int(number.max()) + 1
    if count < LEAST_GROUPS:
        return np.inf
    off = np.bincount(number, values - values.mean())
    error = np.sqrt(count / (count - 1) * (off**2).sum()) / len(values)
    return float(stdtrit(count - 1, 1 - CHANCE) * error)
