"""The live record of a task: scored hours with ground truth, their losses, and which version would be more accurate."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from sensor_platform.home import Home
from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.registry import version_files
from sensor_platform.predict.supervised import task_model
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.ground_truth import GroundTruth
from sensor_platform.predict.supervised.losses import LEAST_GROUPS, RowLosses, is_clearly_more, row_losses, target_of
from sensor_platform.predict.supervised.read_task_rows import read_scored_rows
from sensor_platform.predict.supervised.task_model import TaskModel
from sensor_platform.predict.supervised.task_registry import TaskPeriod, task_models
from sensor_platform.predict.supervised.task_rows import TaskRows, sources_sha256
from sensor_platform.warehouse.tables import Warehouse

MOST_ROWS = 200_000
"""Number of newest scores of a model that are evaluated."""
MOST_TERMS = 60
"""Number of newest changes of the champion that are considered: two months of daily changes."""


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """Scored hours with ground truth, by device and hour, and their losses."""

    rows: TaskRows
    target: Floats
    losses: RowLosses
    groups: tuple[Ints, ...]
    """Group numbers of correlated rows: days, and where a label spans many hours, labels too."""
    covers: Floats
    """1 where the interval contains the remaining life, 0 where it does not, NaN where there is no interval."""

    @property
    def observations(self) -> int:
        """Number of groups in the coarsest grouping; fewer than LEAST_GROUPS have no effect."""
        return min(len(np.unique(each)) for each in self.groups)


def read_record(
    warehouse: Warehouse, truth: GroundTruth, model: TaskModel, first: datetime, last: datetime | None
) -> TaskRecord | None:
    """Record of the hours from `first` to before `last` that a model has scored and whose ground truth is known.

    None where there are no such hours, or where the model does not match the task of the site.
    """
    if not truth.spans or not matches_task(model, truth):
        return None
    rows = read_scored_rows(warehouse, truth.config, truth.spans, truth.cycles, model.model_id, MOST_ROWS)
    rows = rows.where((rows.hour >= _hour(first)) & (rows.hour < (_hour(last) if last else np.inf)))
    if not len(rows):
        return None
    target, prediction = target_of(rows, truth.config), task_model.predict(model, rows.inputs)
    inside = np.where(np.isnan(prediction.lower), np.nan, (prediction.lower <= target) & (target <= prediction.upper))
    return TaskRecord(
        rows, target, row_losses(prediction, target, model.card, truth.config), _groups(rows, truth.config), inside
    )


def matches_task(model: TaskModel, truth: GroundTruth) -> bool:
    """Whether kind, classes and inputs of a model are those of the site's task."""
    same = model.card.kind == truth.config.kind and model.card.classes == truth.classes
    return same and model.card.inputs_sha256 == sources_sha256(truth.config.sources)


def loss_name(config: TaskConfig) -> str:
    """Name of the loss, for people."""
    return "hours off" if config.kind == "remaining_life" else "Brier score"


def better_earlier_version(
    home: Home, warehouse: Warehouse, truth: GroundTruth, terms: Sequence[TaskPeriod], own: TaskRecord | None
) -> tuple[TaskPeriod, str] | None:
    """An earlier version that would have been clearly better than the champions since it was replaced, and the reason.

    Where models change daily no champion has enough records of its own, so the versions of about 8, 16, 32 ... days ago
    are tried, and the oldest. The champion stays where it is not worse itself.

    Args:
        home: data folder.
        warehouse: open.
        truth: ground truth of the task.
        terms: champion periods of the task, newest first, see `champions.takeovers`.
        own: record of the champion.
    """
    since, wanted = own, LEAST_GROUPS
    terms = terms[:MOST_TERMS] if truth.spans else ()
    for after, before in itertools.pairwise(terms):
        older = _usable(home, truth, before)
        if older is None or (since is not None and len(since.rows) > MOST_ROWS):
            return None
        count = since.observations if since is not None else 0
        is_tried = count >= wanted or (count >= LEAST_GROUPS and before is terms[-1])
        if since is not None and is_tried and before.version != terms[0].version:
            why = _worse(since, older, truth.config, _hour(terms[0].serves_from))
            if why is not None:
                return before, f"{why}, since {after.serves_from:%Y-%m-%d %H:%M}Z"
            wanted = 2 * count
        earlier = read_record(warehouse, truth, older, before.serves_from, after.serves_from)
        since = _joined([each for each in (since, earlier) if each is not None], truth.config)
    return None


def _usable(home: Home, truth: GroundTruth, period: TaskPeriod) -> TaskModel | None:
    try:
        model = task_models.load(home, truth.config.name, period.version, period.card_sha256)
    except version_files.Unusable:
        return None
    return model if matches_task(model, truth) else None


def _worse(since: TaskRecord, older: TaskModel, config: TaskConfig, own_from: int) -> str | None:
    """Why the older version is clearly better, for people; None if it is not."""
    mine, theirs = (
        since.losses,
        row_losses(task_model.predict(older, since.rows.inputs), since.target, older.card, config),
    )
    own = since.rows.hour >= own_from
    name, hours = older.card.version, f"over {len(own)} hours with known ground truth"
    if is_clearly_more(mine.cost, theirs.cost, since.groups) and not _is_less(mine.cost, theirs.cost, own):
        return f"decisions cost {mine.cost.mean():.4g} an hour, of {name} {theirs.cost.mean():.4g}, {hours}"
    is_dearer = mine.cost.mean() >= theirs.cost.mean()
    if (
        is_clearly_more(mine.loss, theirs.loss, since.groups)
        and is_dearer
        and not _is_less(mine.loss, theirs.loss, own)
    ):
        return f"{loss_name(config)} {mine.loss.mean():.4g}, of {name} {theirs.loss.mean():.4g}, {hours}"
    return None


def _is_less(mine: Floats, theirs: Floats, own: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> bool:
    return bool(own.any()) and float(mine[own].mean()) <= float(theirs[own].mean())


def _joined(records: Sequence[TaskRecord], config: TaskConfig) -> TaskRecord | None:
    if not records:
        return None
    rows = TaskRows(*(np.concatenate([getattr(each.rows, name) for each in records]) for name in TaskRows.__slots__))
    order = np.lexsort((rows.hour, rows.device.astype(str)))
    rows = TaskRows(*(getattr(rows, name)[order] for name in TaskRows.__slots__))
    target, covers = (np.concatenate([getattr(each, name) for each in records])[order] for name in ("target", "covers"))
    loss, cost = (
        np.concatenate([getattr(each.losses, name) for each in records])[order] for name in RowLosses.__slots__
    )
    return TaskRecord(rows, target, RowLosses(loss, cost), _groups(rows, config), covers)


def _groups(rows: TaskRows, config: TaskConfig) -> tuple[Ints, ...]:
    """Groupings: by day, or by horizon of a failure; where a label spans many hours, also by label."""
    if config.kind == "failure":
        return (rows.hour // (24 * -(-config.horizon_hours // 24)),)
    apart = (rows.device[1:] != rows.device[:-1]) | (rows.truth[1:] != rows.truth[:-1])
    return rows.hour // 24, np.cumsum(np.append(0, apart))


def _hour(at: datetime) -> int:
    return int(at.timestamp()) // 3600
