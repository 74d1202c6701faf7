"""Train an evaluated, calibrated model with a threshold from labelled hours. Pure and reproducible.

All figures about the model come from devices that were not used for it, its calibration or its threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.supervised import fitting
from sensor_platform.predict.supervised.calibration import ProbabilityCalibration
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.decisions import Figures
from sensor_platform.predict.supervised.folds import Folds, make_folds
from sensor_platform.predict.supervised.losses import target_of
from sensor_platform.predict.supervised.out_of_fold import OutOfFoldRows, evaluate_out_of_fold, raw_loss
from sensor_platform.predict.supervised.task_rows import TaskRows

if TYPE_CHECKING:
    import lightgbm as lgb

LEAST_ROWS = 100
LEAST_OF_A_KIND = 10
LEAST_CYCLES = 3


@dataclass(frozen=True, slots=True)
class LearnedTask:
    """A trained model with all that its card records."""

    booster: "lgb.Booster"
    classes: tuple[str, ...]
    calibrations: tuple[ProbabilityCalibration, ...]
    threshold: float | None
    thirds: tuple[float, ...]
    lower_by: tuple[float, ...]
    upper_by: tuple[float, ...]
    estimate: Figures
    recipe: dict[str, int]
    folds: Folds
    tested: TaskRows
    """TaskRows that were a test row of a fold."""
    loss: Floats
    """Out-of-fold loss of these rows: log loss, or error in hours."""


def too_little(rows: TaskRows, config: TaskConfig, classes: Sequence[str]) -> str | None:
    """Why the task cannot be trained yet, for people; None if it can."""
    if len(rows) < LEAST_ROWS:
        return f"{len(rows)} labelled hours, at least {LEAST_ROWS} are needed"
    if config.kind == "remaining_life":
        ended = len({(device, end) for device, end in zip(rows.device.tolist(), rows.truth.tolist(), strict=True)})
        return None if ended >= LEAST_CYCLES else f"{ended} cycles that ended, at least {LEAST_CYCLES} are needed"
    found = np.unique(rows.truth, return_counts=True)
    if config.kind == "failure":
        found = (np.array([0.0, 1.0]), np.array([(rows.truth == each).sum() for each in (0.0, 1.0)]))
    if len(found[0]) < 2 or found[1].min() < LEAST_OF_A_KIND:
        counts = ", ".join(f"{count} of {_name(value, classes)}" for value, count in zip(*found, strict=True))
        return f"{counts}: at least {LEAST_OF_A_KIND} hours of each of two kinds are needed"
    return None


def learn_task(rows: TaskRows, config: TaskConfig, classes: tuple[str, ...]) -> LearnedTask | str:
    """Train and evaluate with whole devices held out; returns a reason where that is not possible yet."""
    why = too_little(rows, config, classes)
    if why is not None:
        return why
    target = target_of(rows, config)
    stratum = np.zeros(len(rows), np.int64) if config.kind == "remaining_life" else rows.truth.astype(np.int64)
    made = make_folds(rows, stratum, config.horizon_hours, config.seed)
    if config.kind == "failure":
        kinds = [set(target[fold.train].tolist()) for fold in made.folds]
        if not kinds or any(len(each) < 2 for each in kinds):
            return "all failures are of one device: no device with a failure can be held out"
    if not made.folds:
        return "one device with a history too short to test on later hours"
    held_out = {
        number: _out_of_fold_rows(rows, target, config, classes, made, each)
        for number, each in enumerate(fitting.RECIPES)
    }
    losses = {
        number: float(np.average(raw_loss(each, config), weights=each.rows.weight)) for number, each in held_out.items()
    }
    best = min(losses, key=lambda number: losses[number])
    recipe = fitting.RECIPES[best]
    booster = _fit(rows, target, config, classes, recipe, slice(None))
    result = evaluate_out_of_fold(held_out[best], config, classes)
    return LearnedTask(
        booster=booster,
        classes=classes,
        calibrations=result.calibrations,
        threshold=result.threshold,
        thirds=result.thirds,
        lower_by=result.lower_by,
        upper_by=result.upper_by,
        estimate=result.estimate,
        recipe=recipe,
        folds=made,
        tested=held_out[best].rows,
        loss=result.loss,
    )


def _name(value: float, classes: Sequence[str]) -> str:
    return repr(classes[int(value)]) if classes else ("hours before a failure" if value else "other hours")


def _fit(
    rows: TaskRows,
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


def _out_of_fold_rows(
    rows: TaskRows, target: Floats, config: TaskConfig, classes: Sequence[str], made: Folds, recipe: dict[str, int]
) -> OutOfFoldRows:
    parts = []
    for number, fold in enumerate(made.folds):
        booster = _fit(rows, target, config, classes, recipe, fold.train)
        parts.append(
            (fold.test, fitting.raw_predictions(booster, rows.inputs[fold.test]), np.full(len(fold.test), number))
        )
    at = np.concatenate([part[0] for part in parts])
    order = np.argsort(at, kind="stable")
    mask = np.zeros(len(rows), dtype=bool)
    mask[at] = True
    raw, fold_of = (np.concatenate([part[place] for part in parts])[order] for place in (1, 2))
    return OutOfFoldRows(rows.where(mask), target[mask], raw, fold_of)
