"""The live record of a task: hours with an answer, what was said of them, and who would have said it better."""

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
from sensor_platform.predict.supervised.ground_truth import Known
from sensor_platform.predict.supervised.inputs import Rows, scored, sha256
from sensor_platform.predict.supervised.losses import LEAST_GROUPS, Lost, is_clearly_more, lost, target_of
from sensor_platform.predict.supervised.task_model import TaskModel
from sensor_platform.predict.supervised.task_registry import TaskPeriod, task_models
from sensor_platform.warehouse.tables import Warehouse

MOST_ROWS = 200_000
"""Newest scores of a model that are looked at,"""
MOST_TERMS = 60
"""and newest changes of the champion: of models that change daily two months."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Hours with their answers, by device and hour, and what was lost in them."""

    rows: Rows
    target: Floats
    lost: Lost
    groups: tuple[Ints, ...]
    """Numbers of what belongs together: days, and where one answer spans many hours each such answer."""
    covers: Floats
    """1 where the interval of a remaining life holds it, 0 where not, NaN where none was said."""

    @property
    def observations(self) -> int:
        """Days, or answers, whichever are fewer: nothing is decided by fewer than LEAST_GROUPS."""
        return min(len(np.unique(each)) for each in self.groups)


def judged(
    warehouse: Warehouse, known: Known, model: TaskModel, first: datetime, last: datetime | None
) -> Judged | None:
    """Hours from `first` to before `last` that a model has scored and whose answer is known.

    None without any, or for a model that answers something else than is asked now.
    """
    if not known.spans or not is_asked(model, known):
        return None
    rows = scored(warehouse, known.config, known.spans, known.lives, model.model_id, MOST_ROWS)
    rows = rows.where((rows.hour >= _hour(first)) & (rows.hour < (_hour(last) if last else np.inf)))
    if not len(rows):
        return None
    target, said = target_of(rows, known.config), task_model.read(model, rows.inputs)
    inside = np.where(np.isnan(said.lower), np.nan, (said.lower <= target) & (target <= said.upper))
    return Judged(rows, target, lost(said, target, model.card, known.config), _groups(rows, known.config), inside)


def is_asked(model: TaskModel, known: Known) -> bool:
    """Whether a model answers what the site asks today, by the inputs of today."""
    same = model.card.kind == known.config.kind and model.card.classes == known.classes
    return same and model.card.inputs_sha256 == sha256(known.config.sources)


def unit(config: TaskConfig) -> str:
    """Of the loss, for people."""
    return "hours off" if config.kind == "remaining_life" else "Brier score"


def clearly_better_before(
    home: Home, warehouse: Warehouse, known: Known, terms: Sequence[TaskPeriod], own: Judged | None
) -> tuple[TaskPeriod, str] | None:
    """An earlier version that would have done clearly better than all that was served since it was replaced, and why.

    Of models that change daily none has a record of its own, so it is asked of the versions that were in charge about
    8, 16, 32 ... days ago, and of the oldest. The champion stays where it does itself no worse.

    Args:
        home: data folder.
        warehouse: open.
        known: answers.
        terms: of the task, newest first, see `champions.takeovers`.
        own: record of the champion.
    """
    since, wanted = own, LEAST_GROUPS
    terms = terms[:MOST_TERMS] if known.spans else ()
    for after, before in itertools.pairwise(terms):
        older = _usable(home, known, before)
        if older is None or (since is not None and len(since.rows) > MOST_ROWS):
            return None
        count = since.observations if since is not None else 0
        is_asked_of = count >= wanted or (count >= LEAST_GROUPS and before is terms[-1])
        if since is not None and is_asked_of and before.version != terms[0].version:
            why = _worse(since, older, known.config, _hour(terms[0].serves_from))
            if why is not None:
                return before, f"{why}, since {after.serves_from:%Y-%m-%d %H:%M}Z"
            wanted = 2 * count
        earlier = judged(warehouse, known, older, before.serves_from, after.serves_from)
        since = _joined([each for each in (since, earlier) if each is not None], known.config)
    return None


def _usable(home: Home, known: Known, period: TaskPeriod) -> TaskModel | None:
    try:
        model = task_models.load(home, known.config.name, period.version, period.card_sha256)
    except version_files.Unusable:
        return None
    return model if is_asked(model, known) else None


def _worse(since: Judged, older: TaskModel, config: TaskConfig, own_from: int) -> str | None:
    """In words what cost more, or was further off without costing less; None for nothing."""
    mine, theirs = since.lost, lost(task_model.read(older, since.rows.inputs), since.target, older.card, config)
    own = since.rows.hour >= own_from
    name, hours = older.card.version, f"over {len(own)} hours whose answer is known"
    if is_clearly_more(mine.cost, theirs.cost, since.groups) and not _is_less(mine.cost, theirs.cost, own):
        return f"decisions cost {mine.cost.mean():.4g} an hour, of {name} {theirs.cost.mean():.4g}, {hours}"
    is_dearer = mine.cost.mean() >= theirs.cost.mean()
    if (
        is_clearly_more(mine.loss, theirs.loss, since.groups)
        and is_dearer
        and not _is_less(mine.loss, theirs.loss, own)
    ):
        return f"{unit(config)} {mine.loss.mean():.4g}, of {name} {theirs.loss.mean():.4g}, {hours}"
    return None


def _is_less(mine: Floats, theirs: Floats, own: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> bool:
    return bool(own.any()) and float(mine[own].mean()) <= float(theirs[own].mean())


def _joined(records: Sequence[Judged], config: TaskConfig) -> Judged | None:
    if not records:
        return None
    rows = Rows(*(np.concatenate([getattr(each.rows, name) for each in records]) for name in Rows.__slots__))
    order = np.lexsort((rows.hour, rows.device.astype(str)))
    rows = Rows(*(getattr(rows, name)[order] for name in Rows.__slots__))
    target, covers = (np.concatenate([getattr(each, name) for each in records])[order] for name in ("target", "covers"))
    loss, cost = (np.concatenate([getattr(each.lost, name) for each in records])[order] for name in Lost.__slots__)
    return Judged(rows, target, Lost(loss, cost), _groups(rows, config), covers)


def _groups(rows: Rows, config: TaskConfig) -> tuple[Ints, ...]:
    """Days, or as long as one failure announces itself; where one answer spans many hours, each such answer too."""
    if config.kind == "failure":
        return (rows.hour // (24 * -(-config.horizon_hours // 24)),)
    apart = (rows.device[1:] != rows.device[:-1]) | (rows.answer[1:] != rows.answer[:-1])
    return rows.hour // 24, np.cumsum(np.append(0, apart))


def _hour(at: datetime) -> int:
    return int(at.timestamp()) // 3600
