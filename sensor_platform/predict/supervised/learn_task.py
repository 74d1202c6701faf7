"""From labelled hours to a judged, calibrated model with a threshold. Pure and reproducible.

Everything that is said about the model comes from devices that it, its calibration and its threshold have not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.supervised import fitting
from sensor_platform.predict.supervised.calibration import Calibration
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.decisions import Figures
from sensor_platform.predict.supervised.folds import Folds, folds
from sensor_platform.predict.supervised.inputs import Rows
from sensor_platform.predict.supervised.losses import target_of
from sensor_platform.predict.supervised.out_of_fold import Held, keep, raw_loss

if TYPE_CHECKING:
    import lightgbm as lgb

LEAST_ROWS = 100
LEAST_OF_A_KIND = 10
LEAST_LIVES = 3


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
        number: float(np.average(raw_loss(each, config), weights=each.rows.weight)) for number, each in held.items()
    }
    best = min(losses, key=lambda number: losses[number])
    recipe = fitting.RECIPES[best]
    booster = _fit(rows, target, config, classes, recipe, slice(None))
    kept = keep(held[best], config, classes)
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
) -> Held:
    parts = []
    for number, fold in enumerate(made.folds):
        booster = _fit(rows, target, config, classes, recipe, fold.learnt)
        parts.append((fold.judged, fitting.said(booster, rows.inputs[fold.judged]), np.full(len(fold.judged), number)))
    at = np.concatenate([part[0] for part in parts])
    order = np.argsort(at, kind="stable")
    mask = np.zeros(len(rows), dtype=bool)
    mask[at] = True
    raw, fold_of = (np.concatenate([part[place] for part in parts])[order] for place in (1, 2))
    return Held(rows.where(mask), target[mask], raw, fold_of)
