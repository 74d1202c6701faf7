"""The live record of the tasks' models decides: roll a worse one back, ask for a new one on drift.

A score is judged once the labels tell its answer. What a model before would have lost is computed on the same hours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from sensor_platform.home import Home
from sensor_platform.landing.labels import read_labels
from sensor_platform.predict import drift
from sensor_platform.predict.features.panel import Ints
from sensor_platform.predict.models import registry as forecasters
from sensor_platform.predict.models import store
from sensor_platform.predict.models.store import Reign
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.predict.supervised import answers, reading, registry
from sensor_platform.predict.supervised.answers import Known
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.inputs import Rows, scored, sha256
from sensor_platform.predict.supervised.losses import (
    LEAST_GROUPS,
    Lost,
    is_clearly_more,
    lost,
    target_of,
    without_a_model,
)
from sensor_platform.predict.supervised.reading import Said, TaskModel
from sensor_platform.warehouse.tables import Warehouse, writer
from sensor_platform.warehouse.work.said import ensure_predictions

MOST_ROWS = 200_000
"""Newest scores that are looked at."""


@dataclass(frozen=True, slots=True)
class TaskHealth:
    """The live state of one task. Figures are None while too few answers are known."""

    task: str
    model_id: str
    answered: int = 0
    """Scores of the champion, since it is in charge, whose answer is known."""
    loss: float | None = None
    """Mean Brier score, or mean hours off."""
    loss_without: float | None = None
    """The same without a model: of the base rates, or the median."""
    cost_per_hour: float | None = None
    cost_without: float | None = None
    coverage: float | None = None
    """Of the interval of a remaining life."""
    psi: float | None = None
    """Of the metric that has moved most,"""
    null_rate: float | None = None
    """and of the one that is missing most."""
    breaches: tuple[str, ...] = ()
    action: str = "none"
    """`none`, `rolled back` or `asked for training`, with the reason."""


@dataclass(frozen=True, slots=True)
class _Record:
    """Hours with their answers, and what the champion said of them."""

    rows: Rows
    target: np.ndarray[tuple[int], np.dtype[np.float64]]
    said: Said
    lost: Lost
    groups: tuple[Ints, ...]


def watch_tasks(home: Home, site: PredictSite, now: datetime) -> tuple[TaskHealth, ...]:
    """Look at every task with a champion, and act; the table of answers follows the labels.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
    """
    if not site.supervised:
        return ()
    labels = read_labels(home)
    with writer(home, site, "watch tasks") as warehouse:
        ensure_predictions(warehouse.connection, home)
        every = [answers.known(warehouse, config, labels, now) for config in site.supervised]
        answers.publish(home, every)
        return tuple(_watched(home, warehouse, every, now))


def _watched(home: Home, warehouse: Warehouse, every: Sequence[Known], now: datetime) -> Iterator[TaskHealth]:
    for known in every:
        try:
            reigns = registry.reigns(home, known.config.name)
        except store.Unusable as error:
            yield TaskHealth(known.config.name, "", breaches=(error.message,))
            continue
        if not reigns:
            continue
        try:
            model = registry.load(home, known.config.name, reigns[-1].version, reigns[-1].card_sha256)
        except store.Unusable as error:
            yield _unusable(home, known.config.name, reigns, error.message, now)
            continue
        record = _record(warehouse, known, model, reigns)
        yield _acted(home, warehouse, known, model, reigns, record, now)


def _unusable(home: Home, task: str, reigns: tuple[Reign, ...], why: str, now: datetime) -> TaskHealth:
    """A champion that is not what was promoted: the newest sound version before it takes over."""
    before = registry.fall_back(home, task, reigns, why, now)
    found = TaskHealth(task, registry.model_id(task, reigns[-1].version), breaches=(why,))
    return replace(found, action=f"rolled back: {why}" if before else "none: there is no sound version before it")


def _record(warehouse: Warehouse, known: Known, model: TaskModel, reigns: Sequence[Reign]) -> _Record | None:
    """None without an answer, or for a model that answers something else than is asked now."""
    config, card = known.config, model.card
    if not known.spans or not _is_asked(model, known):
        return None
    rows = scored(warehouse, config, known.spans, known.lives, model.model_id, MOST_ROWS)
    rows = rows.where(rows.hour >= _first_hour(model, reigns))
    if not len(rows):
        return None
    target, said = target_of(rows, config), reading.read(model, rows.inputs)
    return _Record(rows, target, said, lost(said, target, card, config), _groups(rows, known))


def _is_asked(model: TaskModel, known: Known) -> bool:
    same = model.card.kind == known.config.kind and model.card.classes == known.classes
    return same and model.card.inputs_sha256 == sha256(known.config.sources)


def _first_hour(model: TaskModel, reigns: Sequence[Reign]) -> int:
    """First hour of this reign that the model has not learnt from."""
    since, seen = store.in_charge_since(reigns), model.card.trained_to
    return max(int(since.timestamp()) // 3600, int(seen.timestamp()) // 3600 + 1 if seen else 0)


def _groups(rows: Rows, known: Known) -> tuple[Ints, ...]:
    """Days, or as long as one failure announces itself; where one answer spans many hours, each such answer too."""
    config = known.config
    days = rows.hour // (24 * -(-config.horizon_hours // 24) if config.kind == "failure" else 24)
    if config.kind == "failure":
        return (days,)
    apart = (rows.device[1:] != rows.device[:-1]) | (rows.answer[1:] != rows.answer[:-1])
    return days, np.cumsum(np.append(0, apart))


def _acted(
    home: Home,
    warehouse: Warehouse,
    known: Known,
    model: TaskModel,
    reigns: Sequence[Reign],
    record: _Record | None,
    now: datetime,
) -> TaskHealth:
    health = _health(warehouse, known, model, record, now)
    rolled_back = _roll_back(home, known, reigns, record, now) if record else None
    if rolled_back is not None:
        return replace(health, action=f"rolled back: {rolled_back}")
    if health.breaches and known.config.is_trained:
        reason = f"drift: {'; '.join(health.breaches)}"
        alias = registry.alias(known.config.name)
        forecasters.ask_training_once(home, alias, model.card.created_at, now, reason)
        return replace(health, action="asked for training")
    return health


def _roll_back(home: Home, known: Known, reigns: Sequence[Reign], record: _Record, now: datetime) -> str | None:
    """Back to the version before, if on the hours since whose answers are known it would have been clearly better.

    By the cost of what was decided; or by what was said, unless the decisions cost less for all that.
    """
    config, before = known.config, store.before(reigns)
    if before is None:
        return None
    try:
        older = registry.load(home, config.name, before.version, before.card_sha256)
    except store.Unusable:
        return None
    if not _is_asked(older, known):
        return None
    theirs = lost(reading.read(older, record.rows.inputs), record.target, older.card, config)
    mine = record.lost
    if is_clearly_more(mine.cost, theirs.cost, record.groups):
        what = f"its decisions cost {mine.cost.mean():.4g} an hour, of {before.version} {theirs.cost.mean():.4g}"
    elif is_clearly_more(mine.loss, theirs.loss, record.groups) and mine.cost.mean() >= theirs.cost.mean():
        what = f"{_unit(config)} {mine.loss.mean():.4g}, of {before.version} {theirs.loss.mean():.4g}"
    else:
        return None
    why = f"{what}, over {len(record.rows)} hours whose answer is known"
    registry.promote(home, config.name, before.version, now, f"rolled back: {why}")
    return why


def _unit(config: TaskConfig) -> str:
    return "hours off" if config.kind == "remaining_life" else "Brier score"


def _health(warehouse: Warehouse, known: Known, model: TaskModel, record: _Record | None, now: datetime) -> TaskHealth:
    psi, nulls = _distribution(warehouse, known.config, model, now)
    found = TaskHealth(known.config.name, model.model_id, psi=psi, null_rate=nulls, breaches=drift.moved(psi, nulls))
    if not _is_asked(model, known):
        return replace(found, breaches=(*found.breaches, "the champion was made for other inputs or classes"))
    if record is None:
        return found
    found = replace(found, answered=len(record.rows))
    if min(len(np.unique(each)) for each in record.groups) < LEAST_GROUPS:
        return found
    base = without_a_model(record.target, model.card, known.config)
    coverage = float(((record.said.lower <= record.target) & (record.target <= record.said.upper)).mean())
    coverage_or_none = coverage if np.isfinite(record.said.lower).all() else None
    return replace(
        found,
        loss=float(record.lost.loss.mean()),
        loss_without=float(base.loss.mean()),
        cost_per_hour=float(record.lost.cost.mean()),
        cost_without=float(base.cost.mean()),
        coverage=coverage_or_none,
        breaches=(*found.breaches, *_breaches(record, base, known.config, coverage_or_none)),
    )


def _breaches(record: _Record, base: Lost, config: TaskConfig, coverage: float | None) -> Iterator[str]:
    if is_clearly_more(record.lost.loss, base.loss, record.groups):
        yield f"{_unit(config)} {record.lost.loss.mean():.4g}, {base.loss.mean():.4g} without a model"
    if is_clearly_more(record.lost.cost, base.cost, record.groups):
        yield f"its decisions cost {record.lost.cost.mean():.4g} an hour, {base.cost.mean():.4g} without a model"
    if coverage is not None and not drift.COVERAGE[0] <= coverage <= drift.COVERAGE[1]:
        yield f"intervals cover {coverage:.1%}, outside {drift.COVERAGE[0]:.0%}-{drift.COVERAGE[1]:.0%}"


def _distribution(
    warehouse: Warehouse, config: TaskConfig, model: TaskModel, now: datetime
) -> tuple[float | None, float | None]:
    """The largest over the metrics that the task looks at; None for a model that has learnt from none of our data."""
    card = model.card
    if card.trained_to is None:
        return None, None
    found = [drift.distribution(warehouse, name, card.trained_to, card.devices, now) for name in config.looked_at]
    psi = max((psi for psi, _ in found if psi is not None), default=None)
    return psi, max((nulls for _, nulls in found if nulls is not None), default=None)
