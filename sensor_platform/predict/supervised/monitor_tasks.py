"""The live record of the tasks' models decides: roll a worse one back, ask for a new one on drift.

A score is judged once the labels tell its answer. What an earlier model would have lost is computed on the same hours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import numpy as np

from sensor_platform.home import Home
from sensor_platform.labels.label_store import read_labels
from sensor_platform.predict.monitoring import drift
from sensor_platform.predict.monitoring.champion_monitor import ChampionMonitor
from sensor_platform.predict.registry import champions
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.predict.supervised import ground_truth
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.ground_truth import Known
from sensor_platform.predict.supervised.losses import LEAST_GROUPS, Lost, is_clearly_more, without_a_model
from sensor_platform.predict.supervised.task_card import TaskCard
from sensor_platform.predict.supervised.task_model import TaskModel
from sensor_platform.predict.supervised.task_record import Judged, clearly_better_before, is_asked, judged, unit
from sensor_platform.predict.supervised.task_registry import TaskPeriod, task_models
from sensor_platform.warehouse.prediction_tables import ensure_predictions
from sensor_platform.warehouse.tables import Warehouse, writer


@dataclass(frozen=True, slots=True)
class TaskHealth:
    """The live state of one task. Figures are None while no answer is known, and decide nothing while few are."""

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


_Monitor = ChampionMonitor[TaskCard, TaskModel, None, TaskHealth]


def monitor_tasks(home: Home, site: PredictSite, now: datetime) -> tuple[TaskHealth, ...]:
    """Look at every task with a champion, and act; the table of answers follows the labels.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
    """
    if not site.supervised:
        return ()
    labels = read_labels(home)
    monitor: _Monitor = ChampionMonitor(task_models, home, now, _unhealthy)
    with writer(home, site, "monitor tasks") as warehouse:
        ensure_predictions(warehouse.connection, home)
        every = [ground_truth.known(warehouse, config, labels, now) for config in site.supervised]
        ground_truth.publish(home, every)
        return tuple(
            health
            for known in every
            for health in monitor.check(known.config.name, partial(_of, warehouse, monitor, known))
        )


def _unhealthy(task: str, model_id: str, breaches: tuple[str, ...]) -> TaskHealth:
    return TaskHealth(task, model_id, breaches=breaches)


def _of(
    warehouse: Warehouse, monitor: _Monitor, known: Known, model: TaskModel, periods: Sequence[TaskPeriod]
) -> TaskHealth:
    """Health of an intact champion, and what was done about it."""
    terms = champions.takeovers(periods)
    own = judged(warehouse, known, model, terms[0].serves_from, None)
    health = _health(warehouse, known, model, own, monitor.now)
    worse = clearly_better_before(monitor.home, warehouse, known, terms, own)
    if worse is not None:
        return monitor.roll_back(health, known.config.name, *worse)
    if health.breaches and known.config.is_trained:
        return monitor.ask_training(health, known.config.name, model.card.created_at)
    return health


def _health(warehouse: Warehouse, known: Known, model: TaskModel, own: Judged | None, now: datetime) -> TaskHealth:
    psi, nulls = _distribution(warehouse, known.config, model, now)
    found = TaskHealth(known.config.name, model.model_id, psi=psi, null_rate=nulls, breaches=drift.moved(psi, nulls))
    if not is_asked(model, known):
        return replace(found, breaches=(*found.breaches, "the champion was made for other inputs or classes"))
    if own is None:
        return found
    base = without_a_model(own.target, model.card, known.config)
    coverage = float(own.covers.mean())
    coverage_or_none = coverage if np.isfinite(coverage) else None
    return replace(
        found,
        answered=len(own.rows),
        loss=float(own.lost.loss.mean()),
        loss_without=float(base.loss.mean()),
        cost_per_hour=float(own.lost.cost.mean()),
        cost_without=float(base.cost.mean()),
        coverage=coverage_or_none,
        breaches=(*found.breaches, *_breaches(own, base, known.config, coverage_or_none)),
    )


def _breaches(own: Judged, base: Lost, config: TaskConfig, coverage: float | None) -> Iterator[str]:
    if is_clearly_more(own.lost.loss, base.loss, own.groups):
        yield f"{unit(config)} {own.lost.loss.mean():.4g}, {base.loss.mean():.4g} without a model"
    if is_clearly_more(own.lost.cost, base.cost, own.groups):
        yield f"its decisions cost {own.lost.cost.mean():.4g} an hour, {base.cost.mean():.4g} without a model"
    if (
        coverage is not None
        and own.observations >= LEAST_GROUPS
        and not drift.COVERAGE[0] <= coverage <= drift.COVERAGE[1]
    ):
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
