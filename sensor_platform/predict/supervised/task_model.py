"""A loaded model of a task and its predictions: the same code for tables, API and live predictions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.predict.features.panel import Flags, Floats, Ints
from sensor_platform.predict.supervised import decisions, fitting
from sensor_platform.predict.supervised.task_card import TaskCard

if TYPE_CHECKING:
    import lightgbm as lgb


@dataclass(frozen=True, slots=True)
class TaskModel:
    """A loaded version whose hashes were checked."""

    model_id: str
    card: TaskCard
    booster: "lgb.Booster"


@dataclass(frozen=True, slots=True)
class TaskPrediction:
    """Predictions per row; arrays of one length."""

    value: Floats
    """Probability of a failure, probability of the decided class, or remaining hours."""
    probabilities: Floats
    """Probabilities of shape (rows, classes); (rows, 0) for remaining life."""
    decided: Ints
    """Number of the decided class; 1 for a failure."""
    lower: Floats
    upper: Floats
    """Upper end of the 90 % interval of the remaining life; NaN for other kinds."""
    is_alarm: Flags


def predict(model: TaskModel, inputs: Floats) -> TaskPrediction:
    """Predictions of `model` for inputs of shape (rows, inputs)."""
    return interpret(model.card, fitting.raw_predictions(model.booster, inputs))


def interpret(card: TaskCard, raw: Floats) -> TaskPrediction:
    """Predictions from raw outputs of a model: calibrated, and decided by cost."""
    if card.kind == "remaining_life":
        return _remaining_life(card, raw)
    probabilities = probabilities_of(card, raw)
    nothing = np.full(len(probabilities), np.nan)
    if card.kind == "failure":
        probability = probabilities[:, 1]
        flagged = (
            probability >= card.threshold if card.threshold is not None else np.zeros(len(probability), dtype=bool)
        )
        return TaskPrediction(probability, probabilities, flagged.astype(np.int64), nothing, nothing, flagged)
    decided = decisions.cheapest_class(probabilities, card.classes, card.class_costs)
    value = probabilities[np.arange(len(probabilities)), decided] if len(probabilities) else np.empty(0)
    return TaskPrediction(value, probabilities, decided, nothing, nothing, np.zeros(len(probabilities), dtype=bool))


def probabilities_of(card: TaskCard, raw: Floats) -> Floats:
    """Calibrated probabilities of shape (rows, classes) that sum to 1; the columns of a failure are no and yes."""
    if card.kind == "failure" or raw.ndim == 1:
        yes = card.calibrations[0].apply(raw) if card.calibrations else raw
        return np.stack([1 - yes, yes], axis=1)
    if not card.calibrations:
        return raw
    each = np.stack([one.apply(raw[:, place]) for place, one in enumerate(card.calibrations)], axis=1)
    total: Floats = each / np.maximum(each.sum(axis=1, keepdims=True), 1e-12)
    return total


def _remaining_life(card: TaskCard, raw: Floats) -> TaskPrediction:
    value = np.clip(raw, 0.0, float(card.most_hours) if card.most_hours else np.inf)
    lower = upper = np.full(len(value), np.nan)
    if card.lower_by:
        third = np.searchsorted(np.array(card.thirds), value)
        lower = np.maximum(value - np.array(card.lower_by)[third], 0.0)
        upper = value + np.array(card.upper_by)[third]
        if card.most_hours:
            upper = np.minimum(upper, float(card.most_hours))
    flagged = value <= card.threshold if card.threshold is not None else np.zeros(len(value), dtype=bool)
    return TaskPrediction(value, np.empty((len(value), 0)), flagged.astype(np.int64), lower, upper, flagged)
