"""What a model says, as a decision that costs least, and how good such decisions were on devices held out."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.supervised.config import Costs

if TYPE_CHECKING:
    from sensor_platform.predict.supervised.inputs import Rows

Flags = npt.NDArray[np.bool_]
Figures = dict[str, float | None]


def threshold(chance: Floats, happened: Floats, weight: Floats, costs: Costs) -> float:
    """The threshold at or above which an alarm costs least; of equally cheap ones the highest.

    Args:
        chance: the larger, the nearer to an alarm.
        happened: 1 or 0.
        weight: of each row.
        costs: of the two mistakes.
    """
    if not len(chance):
        return float("inf")
    order = np.argsort(-chance, kind="stable")
    missed = weight[order] * happened[order] * costs.missed
    alarms = np.cumsum(weight[order] * (1 - happened[order]) * costs.false_alarm)
    total = alarms + missed.sum() - np.cumsum(missed)
    last_of_tie = np.append(np.diff(chance[order]) != 0, True)
    best = int(np.argmin(np.where(last_of_tie, total, np.inf)))
    if total[best] >= missed.sum():  # never to alarm is as cheap
        return float(np.nextafter(chance[order][0], np.inf))
    return float(chance[order][best])


def alarm_figures(chance: Floats, flagged: Flags, happened: Floats, weight: Floats, costs: Costs) -> Figures:
    """AUC, F1, false and missed alarms, and cost per hour against never and always alarming."""
    from sklearn.metrics import roc_auc_score

    yes = happened > 0
    hit, wrong = float(weight[yes & flagged].sum()), float(weight[~yes & flagged].sum())
    positives, negatives = float(weight[yes].sum()), float(weight[~yes].sum())
    total = positives + negatives
    both = positives > 0 and negatives > 0
    return {
        "auc": float(roc_auc_score(yes, chance, sample_weight=weight)) if both else None,
        "f1": 2 * hit / (hit + wrong + positives) if positives else None,
        "false_alarm_rate": wrong / negatives if negatives else None,
        "missed_alarm_rate": 1 - hit / positives if positives else None,
        "cost_per_hour": ((positives - hit) * costs.missed + wrong * costs.false_alarm) / total if total else None,
        "cost_never": positives * costs.missed / total if total else None,
        "cost_always": negatives * costs.false_alarm / total if total else None,
    }


def event_figures(rows: "Rows", flagged: Flags, happened: Floats) -> Figures:
    """Failures with an alarm in the hours before, and how many hours before the first one came."""
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
    """Runs of hours before the same failure: of one device, at most a day apart."""
    at = np.flatnonzero(yes)
    if not len(at):
        return []
    apart = (device[at][1:] != device[at][:-1]) | (np.diff(hour[at]) > 24)
    return np.split(at, np.flatnonzero(apart) + 1)


def chance_figures(chance: Floats, happened: Floats, weight: Floats) -> Figures:
    """Brier score, log loss (of the base rate too) and calibration error over ten equally large bins."""
    base = float((happened * weight).sum() / weight.sum()) if len(weight) else 0.5
    return {
        "brier": float(np.average((chance - happened) ** 2, weights=weight)),
        "log_loss": log_loss(chance, happened, weight),
        "base_log_loss": log_loss(np.full(len(chance), base), happened, weight),
        "calibration_error": calibration_error(chance, happened, weight),
        "base_rate": base,
    }


def log_loss(chance: Floats, happened: Floats, weight: Floats) -> float:
    """Mean of -log(chance of what happened)."""
    inside = np.clip(chance, 1e-6, 1 - 1e-6)
    return float(np.average(-np.where(happened > 0, np.log(inside), np.log(1 - inside)), weights=weight))


def calibration_error(chance: Floats, happened: Floats, weight: Floats) -> float:
    """Mean distance of what was said from what happened, over ten bins of equal weight."""
    order = np.argsort(chance, kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    number = np.minimum((share * 10).astype(int), 9)
    total = 0.0
    for each in range(10):
        inside = order[number == each]
        if len(inside):
            gap = np.average(chance[inside] - happened[inside], weights=weight[inside])
            total += abs(float(gap)) * float(weight[inside].sum())
    return total / float(weight.sum())


def class_figures(chances: Floats, answer: Ints, weight: Floats, decided: Ints) -> Figures:
    """Accuracy, mean F1 over the classes, log loss of model and base rates."""
    from sklearn.metrics import f1_score

    own = np.clip(chances[np.arange(len(answer)), answer], 1e-6, 1.0)
    shares = np.bincount(answer, weights=weight, minlength=chances.shape[1]) / weight.sum()
    top = chances.max(axis=1)
    return {
        "accuracy": float(np.average(decided == answer, weights=weight)),
        "base_accuracy": float(shares.max()),
        "macro_f1": float(f1_score(answer, decided, average="macro", sample_weight=weight, zero_division=0.0)),
        "log_loss": float(np.average(-np.log(own), weights=weight)),
        "base_log_loss": float(np.average(-np.log(np.clip(shares[answer], 1e-6, 1.0)), weights=weight)),
        "calibration_error": calibration_error(top, (chances.argmax(axis=1) == answer).astype(float), weight),
    }


def cheapest_class(chances: Floats, classes: Sequence[str], costs: Mapping[str, float]) -> Ints:
    """Per row the class whose omission is expected to cost most."""
    weights = np.array([costs.get(name, 1.0) for name in classes])
    chosen: Ints = np.argmax(chances * weights, axis=1)
    return chosen


def life_figures(said: Floats, hours: Floats, weight: Floats) -> Figures:
    """Mean and root mean square error in hours, and the mean error of saying the median."""
    middle = float(np.median(hours))
    return {
        "mae": float(np.average(np.abs(said - hours), weights=weight)),
        "rmse": float(np.sqrt(np.average((said - hours) ** 2, weights=weight))),
        "base_mae": float(np.average(np.abs(middle - hours), weights=weight)),
    }
