"""From labelled hours to a judged, calibrated model with a threshold. Pure and reproducible.

Everything that is said about the model comes from devices that it, its calibration and its threshold have not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.supervised import deciding, fitting
from sensor_platform.predict.supervised.calibration import Calibration, calibrate
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.deciding import Figures
from sensor_platform.predict.supervised.folds import Folds, folds
from sensor_platform.predict.supervised.inputs import Rows

if TYPE_CHECKING:
    import lightgbm as lgb

LEAST_ROWS = 100
LEAST_OF_A_KIND = 10
LEAST_LIVES = 3
LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class Learned:
    """A model ready to be kept."""

    booster: "lgb.Booster"
    classes: tuple[str, ...]
    calibrations: tuple[Calibration, ...]
    threshold: float | None
    thirds: tuple[float, ...]
    lower_by: tuple[float, ...]
    upper_by: tuple[float, ...]
    estimate: Figures
    recipe: dict[str, int]
    folds: Folds
    judged: Rows
    """The rows that some fold judged,"""
    loss: Floats
    """and what each lost there: log loss, or hours off."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What models said of rows that they had not learnt from."""

    rows: Rows
    target: Floats
    raw: Floats
    fold: Ints


def too_little(rows: Rows, config: TaskConfig, classes: Sequence[str]) -> str | None:
    """Why nothing can be learnt yet, in words; None where something can."""
    if len(rows) < LEAST_ROWS:
        return f"{len(rows)} labelled hours, at least {LEAST_ROWS} are needed"
    if config.kind == "remaining_life":
        ended = len({(device, end) for device, end in zip(rows.device.tolist(), rows.answer.tolist(), strict=True)})
        return None if ended >= LEAST_LIVES else f"{ended} lives that ended, at least {LEAST_LIVES} are needed"
    found = np.unique(rows.answer, return_counts=True)
    if config.kind == "failure":
        found = (np.array([0.0, 1.0]), np.array([(rows.answer == each).sum() for each in (0.0, 1.0)]))
    if len(found[0]) < 2 or found[1].min() < LEAST_OF_A_KIND:
        said = ", ".join(f"{count} of {_name(value, classes)}" for value, count in zip(*found, strict=True))
        return f"{said}: at least {LEAST_OF_A_KIND} hours of each of two are needed"
    return None


def learn(rows: Rows, config: TaskConfig, classes: tuple[str, ...]) -> Learned | str:
    """Train and judge with whole devices held out; or why that cannot be done yet."""
    why = too_little(rows, config, classes)
    if why is not None:
        return why
    target = target_of(rows, config)
    stratum = np.zeros(len(rows), np.int64) if config.kind == "remaining_life" else rows.answer.astype(np.int64)
    made = folds(rows, stratum, config.horizon_hours, config.seed)
    if config.kind == "failure":
        kinds = [set(target[fold.learnt].tolist()) for fold in made.folds]
        if not kinds or any(len(each) < 2 for each in kinds):
            return "all failures are of one device: no device with a failure can be held out"
    if not made.folds:
        return "one device with too short a history to judge on what came later"
    held = {number: _held(rows, target, config, classes, made, each) for number, each in enumerate(fitting.RECIPES)}
    losses = {
        number: float(np.average(_raw_loss(each, config), weights=each.rows.weight)) for number, each in held.items()
    }
    best = min(losses, key=lambda number: losses[number])
    recipe = fitting.RECIPES[best]
    booster = _fit(rows, target, config, classes, recipe, slice(None))
    kept = _life(held[best], config) if config.kind == "remaining_life" else _chances(held[best], config, classes)
    return Learned(
        booster=booster,
        classes=classes,
        calibrations=kept.calibrations,
        threshold=kept.threshold,
        thirds=kept.thirds,
        lower_by=kept.lower_by,
        upper_by=kept.upper_by,
        estimate=kept.estimate,
        recipe=recipe,
        folds=made,
        judged=held[best].rows,
        loss=kept.loss,
    )


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
class _Kept:
    estimate: Figures
    loss: Floats
    calibrations: tuple[Calibration, ...] = ()
    threshold: float | None = None
    thirds: tuple[float, ...] = ()
    lower_by: tuple[float, ...] = ()
    upper_by: tuple[float, ...] = ()


def _name(value: float, classes: Sequence[str]) -> str:
    return repr(classes[int(value)]) if classes else ("hours before a failure" if value else "other hours")


def _fit(
    rows: Rows,
    target: Floats,
    config: TaskConfig,
    classes: Sequence[str],
    recipe: dict[str, int],
    some: "slice | Ints",
) -> "lgb.Booster":
    names = list(config.sources)
    return fitting.fit(
        rows.inputs[some], target[some], rows.weight[some], names, config.kind, len(classes), recipe, config.seed
    )


def _held(
    rows: Rows, target: Floats, config: TaskConfig, classes: Sequence[str], made: Folds, recipe: dict[str, int]
) -> _Held:
    parts = []
    for number, fold in enumerate(made.folds):
        booster = _fit(rows, target, config, classes, recipe, fold.learnt)
        parts.append((fold.judged, fitting.said(booster, rows.inputs[fold.judged]), np.full(len(fold.judged), number)))
    at = np.concatenate([part[0] for part in parts])
    order = np.argsort(at, kind="stable")
    mask = np.zeros(len(rows), dtype=bool)
    mask[at] = True
    raw, fold_of = (np.concatenate([part[place] for part in parts])[order] for place in (1, 2))
    return _Held(rows.where(mask), target[mask], raw, fold_of)


def _raw_loss(held: _Held, config: TaskConfig) -> Floats:
    said = np.stack([1 - held.raw, held.raw], axis=1) if config.kind == "failure" else held.raw
    return loss_of(said, held.target, config)


def _chances(held: _Held, config: TaskConfig, classes: tuple[str, ...]) -> _Kept:
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
    decided = deciding.cheapest_class(crossed, classes, config.class_costs)
    estimate = deciding.class_figures(crossed, held.target.astype(np.int64), weight, decided)
    return _Kept(estimate, loss_of(crossed, held.target, config), calibrations)


def _failure(
    held: _Held, config: TaskConfig, chance: Floats, yes: Floats, calibrations: tuple[Calibration, ...]
) -> _Kept:
    weight = held.rows.weight
    flagged = _crossed_flags(held, chance, yes, config)
    estimate = deciding.chance_figures(chance, yes, weight)
    estimate |= deciding.alarm_figures(chance, flagged, yes, weight, config.costs)
    estimate |= deciding.event_figures(held.rows, flagged, yes)
    lost = loss_of(np.stack([1 - chance, chance], axis=1), yes, config)
    said = calibrations[0].apply(held.raw)
    return _Kept(estimate, lost, calibrations, deciding.threshold(said, yes, weight, config.costs))


def _life(held: _Held, config: TaskConfig) -> _Kept:
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
    estimate = deciding.life_figures(said, held.target, weight) | {"coverage": float(inside.mean())}
    estimate |= deciding.alarm_figures(-said, flagged, soon, weight, config.costs)
    estimate |= deciding.event_figures(held.rows, flagged, soon)
    limit = -deciding.threshold(-said, soon, weight, config.costs)
    return _Kept(estimate, np.abs(said - held.target), (), limit, thirds, low, high)


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


def _crossed_flags(held: _Held, chance: Floats, yes: Floats, config: TaskConfig) -> npt.NDArray[np.bool_]:
    """Alarms of each fold by the threshold that was cheapest in the others."""
    flagged = np.zeros(len(chance), dtype=bool)
    for fold in np.unique(held.fold):
        own, others = held.fold == fold, _others(held.fold, fold)
        limit = deciding.threshold(chance[others], yes[others], held.rows.weight[others], config.costs)
        flagged[own] = chance[own] >= limit
    return flagged


def _others(fold: Ints, own: int) -> npt.NDArray[np.bool_]:
    """Rows of the other folds; all where there is but one."""
    others: npt.NDArray[np.bool_] = fold != own
    return others if others.any() else ~others
