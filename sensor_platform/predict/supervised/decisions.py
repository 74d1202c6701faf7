"""Decisions of least cost, and figures on the quality of decisions and predictions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.panel import Flags, Floats, Ints
from sensor_platform.predict.supervised.config import Costs

if TYPE_CHECKING:
    from sensor_platform.predict.supervised.task_rows import TaskRows

Figures = dict[str, float | None]


def cheapest_threshold(probability: Floats, happened: Floats, weight: Floats, costs: Costs) -> float:
    """The threshold of least total cost; of equal ones the highest. A row at or above it is an alarm.

    Args:
        probability: score of each row; larger means closer to an alarm.
        happened: 1 or 0.
        weight: weight of each row.
        costs: cost of the two kinds of mistakes.
    """
    if not len(probability):
        return float("inf")
    order = np.argsort(-probability, kind="stable")
    missed = weight[order] * happened[order] * costs.missed
    alarms = np.cumsum(weight[order] * (1 - happened[order]) * costs.false_alarm)
    total = alarms + missed.sum() - np.cumsum(missed)
    last_of_tie = np.append(np.diff(probability[order]) != 0, True)
    best = int(np.argmin(np.where(last_of_tie, total, np.inf)))
    if total[best] >= missed.sum():  # no alarms at all cost the same or less
        return float(np.nextafter(probability[order][0], np.inf))
    return float(probability[order][best])


def alarm_figures(probability: Floats, flagged: Flags, happened: Floats, weight: Floats, costs: Costs) -> Figures:
    """AUC, F1, rates of false and missed alarms, and cost per hour, also that of no alarms and of constant alarms."""
    from sklearn.metrics import roc_auc_score

    yes = happened > 0
    hit, wrong = float(weight[yes & flagged].sum()), float(weight[~yes & flagged].sum())
    positives, negatives = float(weight[yes].sum()), float(weight[~yes].sum())
    total = positives + negatives
    both = positives > 0 and negatives > 0
    return {
        "auc": float(roc_auc_score(yes, probability, sample_weight=weight)) if both else None,
        "f1": 2 * hit / (hit + wrong + positives) if positives else None,
        "false_alarm_rate": wrong / negatives if negatives else None,
        "missed_alarm_rate": 1 - hit / positives if positives else None,
        "cost_per_hour": ((positives - hit) * costs.missed + wrong * costs.false_alarm) / total if total else None,
        "cost_never": positives * costs.missed / total if total else None,
        "cost_always": negatives * costs.false_alarm / total if total else None,
    }


def event_figures(rows: "TaskRows", flagged: Flags, happened: Floats) -> Figures:
    """Number of failures, number with an alarm in the hours before, and median hours from first alarm to failure."""
    leads, number = [], 0
    for part in _runs(rows.device, rows.hour, happened > 0):
        number += 1
        found = np.flatnonzero(flagged[part])
        if len(found):
            leads.append(int(rows.hour[part][-1] + 1 - rows.hour[part][found[0]]))
    return {
        "events": float(number),
        "events_found": float(len(leads)),
        "lead_hours": float(np.median(leads)) if leads else None,
    }


def _runs(device: npt.NDArray[np.object_], hour: Ints, yes: Flags) -> Sequence[Ints]:
    """Indices of the hours before each failure: hours of one device, at most a day apart."""
    at = np.flatnonzero(yes)
    if not len(at):
        return []
    apart = (device[at][1:] != device[at][:-1]) | (np.diff(hour[at]) > 24)
    return np.split(at, np.flatnonzero(apart) + 1)


def probability_figures(probability: Floats, happened: Floats, weight: Floats) -> Figures:
    """Brier score, log loss (also that of the base rate) and calibration error."""
    base = float((happened * weight).sum() / weight.sum()) if len(weight) else 0.5
    return {
        "brier": float(np.average((probability - happened) ** 2, weights=weight)),
        "log_loss": log_loss(probability, happened, weight),
        "base_log_loss": log_loss(np.full(len(probability), base), happened, weight),
        "calibration_error": calibration_error(probability, happened, weight),
        "base_rate": base,
    }


def log_loss(probability: Floats, happened: Floats, weight: Floats) -> float:
    """Mean of -log(probability of the outcome)."""
    inside = np.clip(probability, 1e-6, 1 - 1e-6)
    return float(np.average(-np.where(happened > 0, np.log(inside), np.log(1 - inside)), weights=weight))


def calibration_error(probability: Floats, happened: Floats, weight: Floats) -> float:
    """Mean distance of predicted probability and observed frequency over ten bins of equal weight."""
    order = np.argsort(probability, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    number = np.minimum((share * 10).astype(int), 9)
    total = 0.0
    for each in range(10):
        inside = order[number == each]
        if len(inside):
            gap = np.average(probability[inside] - happened[inside], weights=weight[inside])
            total += abs(float(gap)) * float(weight[inside].sum())
    return total / float(weight.sum())


def class_figures(probabilities: Floats, answer: Ints, weight: Floats, decided: Ints) -> Figures:
    """Accuracy, mean F1 over the classes, log loss, calibration error; also those of the base rates."""
    from sklearn.metrics import f1_score

    own = np.clip(probabilities[np.arange(len(answer)), answer], 1e-6, 1.0)
    shares = np.bincount(answer, weights=weight, minlength=probabilities.shape[1]) / weight.sum()
    top = probabilities.max(axis=1)
    return {
        "accuracy": float(np.average(decided == answer, weights=weight)),
        "base_accuracy": float(shares.max()),
        "macro_f1": float(f1_score(answer, decided, average="macro", sample_weight=weight, zero_division=0.0)),
        "log_loss": float(np.average(-np.log(own), weights=weight)),
        "base_log_loss": float(np.average(-np.log(np.clip(shares[answer], 1e-6, 1.0)), weights=weight)),
        "calibration_error": calibration_error(top, (probabilities.argmax(axis=1) == answer).astype(float), weight),
    }


def cheapest_class(probabilities: Floats, classes: Sequence[str], costs: Mapping[str, float]) -> Ints:
    """Per row the class that would be most expensive to miss, by expected cost."""
    weights = np.array([costs.get(name, 1.0) for name in classes])
    chosen: Ints = np.argmax(probabilities * weights, axis=1)
    return chosen


def remaining_life_figures(predicted: Floats, hours: Floats, weight: Floats) -> Figures:
    """Mean absolute and root mean square error in hours, and the mean error of predicting the median."""
    middle = float(np.median(hours))
    return {
        "mae": float(np.average(np.abs(predicted - hours), weights=weight)),
        "rmse": float(np.sqrt(np.average((predicted - hours) ** 2, weights=weight))),
        "base_mae": float(np.average(np.abs(middle - hours), weights=weight)),
    }
