"""ProbabilityCalibration, threshold, interval and error estimate from out-of-fold rows. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.supervised import decisions
from sensor_platform.predict.supervised.calibration import ProbabilityCalibration, fit_calibration
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.decisions import Figures
from sensor_platform.predict.supervised.losses import loss_of
from sensor_platform.predict.supervised.task_rows import TaskRows

LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class OutOfFoldRows:
    """Raw predictions for rows, each by a model that was not trained on the row's device."""

    rows: TaskRows
    target: Floats
    raw: Floats
    fold: Ints


@dataclass(frozen=True, slots=True)
class OutOfFoldResult:
    """Results from out-of-fold rows that are saved with the model."""

    estimate: Figures
    loss: Floats
    calibrations: tuple[ProbabilityCalibration, ...] = ()
    threshold: float | None = None
    thirds: tuple[float, ...] = ()
    lower_by: tuple[float, ...] = ()
    upper_by: tuple[float, ...] = ()


def evaluate_out_of_fold(held_out: OutOfFoldRows, config: TaskConfig, classes: tuple[str, ...]) -> OutOfFoldResult:
    """Derive calibration, threshold and interval, and estimate the quality of the result on held-out devices."""
    return _remaining_life(held_out, config) if config.kind == "remaining_life" else _chances(held_out, config, classes)


def raw_loss(held_out: OutOfFoldRows, config: TaskConfig) -> Floats:
    """Loss of each row before calibration."""
    predicted = np.stack([1 - held_out.raw, held_out.raw], axis=1) if config.kind == "failure" else held_out.raw
    return loss_of(predicted, held_out.target, config)


def _chances(held_out: OutOfFoldRows, config: TaskConfig, classes: tuple[str, ...]) -> OutOfFoldResult:
    """Each fold uses calibration and threshold of the other folds, as a new device would get them."""
    raw = held_out.raw[:, None] if held_out.raw.ndim == 1 else held_out.raw
    wanted = [1.0] if config.kind == "failure" else [float(number) for number in range(len(classes))]
    happened = [(held_out.target == each).astype(np.float64) for each in wanted]
    weight = held_out.rows.weight
    crossed = np.empty_like(raw)
    for fold in np.unique(held_out.fold):
        own, others = held_out.fold == fold, _others(held_out.fold, fold)
        for place, yes in enumerate(happened):
            crossed[own, place] = fit_calibration(raw[others, place], yes[others], weight[others]).apply(
                raw[own, place]
            )
    calibrations = tuple(fit_calibration(raw[:, place], yes, weight) for place, yes in enumerate(happened))
    if config.kind == "failure":
        return _failure(held_out, config, crossed[:, 0], happened[0], calibrations)
    crossed /= np.maximum(crossed.sum(axis=1, keepdims=True), 1e-12)
    decided = decisions.cheapest_class(crossed, classes, config.class_costs)
    estimate = decisions.class_figures(crossed, held_out.target.astype(np.int64), weight, decided)
    return OutOfFoldResult(estimate, loss_of(crossed, held_out.target, config), calibrations)


def _failure(
    held_out: OutOfFoldRows,
    config: TaskConfig,
    probability: Floats,
    yes: Floats,
    calibrations: tuple[ProbabilityCalibration, ...],
) -> OutOfFoldResult:
    weight = held_out.rows.weight
    flagged = _crossed_flags(held_out, probability, yes, config)
    estimate = decisions.probability_figures(probability, yes, weight)
    estimate |= decisions.alarm_figures(probability, flagged, yes, weight, config.costs)
    estimate |= decisions.event_figures(held_out.rows, flagged, yes)
    lost = loss_of(np.stack([1 - probability, probability], axis=1), yes, config)
    predicted = calibrations[0].apply(held_out.raw)
    return OutOfFoldResult(
        estimate, lost, calibrations, decisions.cheapest_threshold(predicted, yes, weight, config.costs)
    )


def _remaining_life(held_out: OutOfFoldRows, config: TaskConfig) -> OutOfFoldResult:
    predicted = np.clip(held_out.raw, 0.0, float(config.most_hours))
    weight = held_out.rows.weight
    inside = np.zeros(len(predicted), dtype=bool)
    for fold in np.unique(held_out.fold):
        own, others = held_out.fold == fold, _others(held_out.fold, fold)
        thirds, low, high = _interval(predicted[others], held_out.target[others])
        third = np.searchsorted(np.array(thirds), predicted[own])
        off = held_out.target[own] - predicted[own]
        inside[own] = (off >= -np.array(low)[third]) & (off <= np.array(high)[third])
    thirds, low, high = _interval(predicted, held_out.target)
    soon = (held_out.target <= config.horizon_hours).astype(np.float64)
    flagged = _crossed_flags(held_out, -predicted, soon, config)
    estimate = decisions.remaining_life_figures(predicted, held_out.target, weight) | {"coverage": float(inside.mean())}
    estimate |= decisions.alarm_figures(-predicted, flagged, soon, weight, config.costs)
    estimate |= decisions.event_figures(held_out.rows, flagged, soon)
    limit = -decisions.cheapest_threshold(-predicted, soon, weight, config.costs)
    return OutOfFoldResult(estimate, np.abs(predicted - held_out.target), (), limit, thirds, low, high)


def _interval(predicted: Floats, hours: Floats) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Ends of the thirds of the predictions, and per third the distance of the interval below and above them."""
    thirds = tuple(map(float, np.quantile(predicted, [1 / 3, 2 / 3])))
    number = np.searchsorted(np.array(thirds), predicted)
    low, high = [], []
    for third in range(3):
        off = (hours - predicted)[number == third]
        off = off if len(off) >= 20 else hours - predicted
        low.append(max(float(-np.quantile(off, (1 - LEVEL) / 2)), 0.0))
        high.append(max(float(np.quantile(off, (1 + LEVEL) / 2)), 0.0))
    return thirds, tuple(low), tuple(high)


def _crossed_flags(
    held_out: OutOfFoldRows, probability: Floats, yes: Floats, config: TaskConfig
) -> npt.NDArray[np.bool_]:
    """Alarms of each fold by the cheapest threshold of the other folds."""
    flagged = np.zeros(len(probability), dtype=bool)
    for fold in np.unique(held_out.fold):
        own, others = held_out.fold == fold, _others(held_out.fold, fold)
        limit = decisions.cheapest_threshold(
            probability[others], yes[others], held_out.rows.weight[others], config.costs
        )
        flagged[own] = probability[own] >= limit
    return flagged


def _others(fold: Ints, own: int) -> npt.NDArray[np.bool_]:
    """TaskRows of the other folds; all rows where there is only one fold."""
    others: npt.NDArray[np.bool_] = fold != own
    return others if others.any() else ~others
