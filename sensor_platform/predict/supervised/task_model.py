"""A loaded model of a task, and what it says of rows: one code for tables, API and live predictions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.supervised import decisions, fitting
from sensor_platform.predict.supervised.task_card import TaskCard

if TYPE_CHECKING:
    import lightgbm as lgb


@dataclass(frozen=True, slots=True)
class TaskModel:
    """A version whose hashes were checked."""

    model_id: str
    card: TaskCard
    booster: "lgb.Booster"


@dataclass(frozen=True, slots=True)
class Said:
    """What a model says, per row; arrays of one length."""

    value: Floats
    """Chance of a failure, chance of the decided class, or remaining hours."""
    chances: Floats
    """Shape (rows, classes); (rows, 0) for remaining life."""
    decided: Ints
    """Number of the class; 1 for a failure."""
    lower: Floats
    upper: Floats
    """90 % interval of the remaining life; NaN elsewhere."""
    is_alarm: "decisions.Flags"


def read(model: TaskModel, inputs: Floats) -> Said:
    """What `model` says of rows of shape (rows, inputs)."""
    return interpret(model.card, fitting.said(model.booster, inputs))


def interpret(card: TaskCard, raw: Floats) -> Said:
    """What a model's own numbers mean: calibrated, decided by cost."""
    if card.kind == "remaining_life":
        return _life(card, raw)
    chances = chances_of(card, raw)
    nothing = np.full(len(chances), np.nan)
    if card.kind == "failure":
        chance = chances[:, 1]
        flagged = chance >= card.threshold if card.threshold is not None else np.zeros(len(chance), dtype=bool)
        return Said(chance, chances, flagged.astype(np.int64), nothing, nothing, flagged)
    decided = decisions.cheapest_class(chances, card.classes, card.class_costs)
    value = chances[np.arange(len(chances)), decided] if len(chances) else np.empty(0)
    return Said(value, chances, decided, nothing, nothing, np.zeros(len(chances), dtype=bool))


def chances_of(card: TaskCard, raw: Floats) -> Floats:
    """Calibrated chances, shape (rows, classes), that sum to 1; columns of a failure are no and yes."""
    if card.kind == "failure" or raw.ndim == 1:
        yes = card.calibrations[0].apply(raw) if card.calibrations else raw
        return np.stack([1 - yes, yes], axis=1)
    if not card.calibrations:
        return raw
    each = np.stack([one.apply(raw[:, place]) for place, one in enumerate(card.calibrations)], axis=1)
    total: Floats = each / np.maximum(each.sum(axis=1, keepdims=True), 1e-12)
    return total


def _life(card: TaskCard, raw: Floats) -> Said:
    value = np.clip(raw, 0.0, float(card.most_hours) if card.most_hours else np.inf)
    lower = upper = np.full(len(value), np.nan)
    if card.lower_by:
        third = np.searchsorted(np.array(card.thirds), value)
        lower = np.maximum(value - np.array(card.lower_by)[third], 0.0)
        upper = value + np.array(card.upper_by)[third]
        if card.most_hours:
            upper = np.minimum(upper, float(card.most_hours))
    flagged = value <= card.threshold if card.threshold is not None else np.zeros(len(value), dtype=bool)
    return Said(value, np.empty((len(value), 0)), flagged.astype(np.int64), lower, upper, flagged)
