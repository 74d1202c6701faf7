"""What rows that no model had learnt from teach: calibration, threshold, interval, and an honest estimate. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.supervised import decisions
from sensor_platform.predict.supervised.calibration import Calibration, calibrate
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.decisions import Figures
from sensor_platform.predict.supervised.inputs import Rows
from sensor_platform.predict.supervised.losses import loss_of

LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class Held:
    """What models said of rows that they had not learnt from."""

    rows: Rows
    target: Floats
    raw: Floats
    fold: Ints


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of them beside the model."""

    estimate: Figures
    loss: Floats
    calibrations: tuple[Calibration, ...] = ()
    threshold: float | None = None
    thirds: tuple[float, ...] = ()
    lower_by: tuple[float, ...] = ()
    upper_by: tuple[float, ...] = ()


def keep(held: Held, config: TaskConfig, classes: tuple[str, ...]) -> Kept:
    """How what a model says is to be read, and how good that was on devices that it had not seen."""
    return _life(held, config) if config.kind == "remaining_life" else _chances(held, config, classes)


def raw_loss(held: Held, config: TaskConfig) -> Floats:
    """What each row loses before calibration."""
    said = np.stack([1 - held.raw, held.raw], axis=1) if config.kind == "failure" else held.raw
    return loss_of(said, held.target, config)


def _chances(held: Held, config: TaskConfig, classes: tuple[str, ...]) -> Kept:
    """Calibrated by the other folds, decided by the other folds: what a device that nobody has seen would get."""
    raw = held.raw[:, None] if held.raw.ndim == 1 else held.raw
    wanted = [1.0] if config.kind == "failure" else [float(number) for number in range(len(classes))]
    happened = [(held.target == each).astype(np.float64) for each in wanted]
    weight = held.rows.weight
    crossed = np.empty_like(raw)
    for fold in np.unique(held.fold):
        own, others = held.fold == fold, _others(held.fold, fold)
        for place, yes in enumerate(happened):
            crossed[own, place] = calibrate(raw[others, place], yes[others], weight[others]).apply(raw[own, place])
    calibrations = tuple(calibrate(raw[:, place], yes, weight) for place, yes in enumerate(happened))
    if config.kind == "failure":
        return _failure(held, config, crossed[:, 0], happened[0], calibrations)
    crossed /= np.maximum(crossed.sum(axis=1, keepdims=True), 1e-12)
    decided = decisions.cheapest_class(crossed, classes, config.class_costs)
    estimate = decisions.class_figures(crossed, held.target.astype(np.int64), weight, decided)
    return Kept(estimate, loss_of(crossed, held.target, config), calibrations)


def _failure(
    held: Held, config: TaskConfig, chance: Floats, yes: Floats, calibrations: tuple[Calibration, ...]
) -> Kept:
    weight = held.rows.weight
    flagged = _crossed_flags(held, chance, yes, config)
    estimate = decisions.chance_figures(chance, yes, weight)
    estimate |= decisions.alarm_figures(chance, flagged, yes, weight, config.costs)
    estimate |= decisions.event_figures(held.rows, flagged, yes)
    lost = loss_of(np.stack([1 - chance, chance], axis=1), yes, config)
    said = calibrations[0].apply(held.raw)
    return Kept(estimate, lost, calibrations, decisions.threshold(said, yes, weight, config.costs))


def _life(held: Held, config: TaskConfig) -> Kept:
    said = np.clip(held.raw, 0.0, float(config.most_hours))
    weight = held.rows.weight
    inside = np.zeros(len(said), dtype=bool)
    for fold in np.unique(held.fold):
        own, others = held.fold == fold, _others(held.fold, fold)
        thirds, low, high = _interval(said[others], held.target[others])
        third = np.searchsorted(np.array(thirds), said[own])
        off = held.target[own] - said[own]
        inside[own] = (off >= -np.array(low)[third]) & (off <= np.array(high)[third])
    thirds, low, high = _interval(said, held.target)
    soon = (held.target <= config.horizon_hours).astype(np.float64)
    flagged = _crossed_flags(held, -said, soon, config)
    estimate = decisions.life_figures(said, held.target, weight) | {"coverage": float(inside.mean())}
    estimate |= decisions.alarm_figures(-said, flagged, soon, weight, config.costs)
    estimate |= decisions.event_figures(held.rows, flagged, soon)
    limit = -decisions.threshold(-said, soon, weight, config.costs)
    return Kept(estimate, np.abs(said - held.target), (), limit, thirds, low, high)


def _interval(said: Floats, hours: Floats) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Where the thirds of what was said end, and per third how far below and above it the hours lay."""
    thirds = tuple(map(float, np.quantile(said, [1 / 3, 2 / 3])))
    number = np.searchsorted(np.array(thirds), said)
    low, high = [], []
    for third in range(3):
        off = (hours - said)[number == third]
        off = off if len(off) >= 20 else hours - said
        low.append(max(float(-np.quantile(off, (1 - LEVEL) / 2)), 0.0))
        high.append(max(float(np.quantile(off, (1 + LEVEL) / 2)), 0.0))
    return thirds, tuple(low), tuple(high)


def _crossed_flags(held: Held, chance: Floats, yes: Floats, config: TaskConfig) -> npt.NDArray[np.bool_]:
    """Alarms of each fold by the threshold that was cheapest in the others."""
    flagged = np.zeros(len(chance), dtype=bool)
    for fold in np.unique(held.fold):
        own, others = held.fold == fold, _others(held.fold, fold)
        limit = decisions.threshold(chance[others], yes[others], held.rows.weight[others], config.costs)
        flagged[own] = chance[own] >= limit
    return flagged


def _others(fold: Ints, own: int) -> npt.NDArray[np.bool_]:
    """Rows of the other folds; all where there is but one."""
    others: npt.NDArray[np.bool_] = fold != own
    return others if others.any() else ~others
