"""Monitor the champions of supervised tasks: roll back to a better earlier version, request training on drift.

A score is evaluated once its ground truth is known. The loss of an earlier model is computed on the same hours.
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
from sensor_platform.predict.supervised.ground_truth import GroundTruth
from sensor_platform.predict.supervised.losses import LEAST_GROUPS, RowLosses, is_clearly_more, without_a_model
from sensor_platform.predict.supervised.task_card import TaskCard
from sensor_platform.predict.supervised.task_model import TaskModel
from sensor_platform.predict.supervised.task_record import (
    TaskRecord,
    better_earlier_version,
    loss_name,
    matches_task,
    read_record,
)
from sensor_platform.predict.supervised.task_registry import TaskPeriod, task_models
from sensor_platform.warehouse.prediction_tables import ensure_predictions
from sensor_platform.warehouse.tables import Warehouse, writer


@dataclass(frozen=True, slots=True)
class TaskHealth:
    """Health of one task. Figures are None without ground truth, and have no effect while there is little of it."""

    task: str
    model_id: str
    answered: int = 0
    """Number of scores of the champion, since its promotion, with known ground truth."""
    loss: float | None = None
    """Mean Brier score, or mean absolute error in hours."""
    loss_without: float | None = None
    """Loss without a model: that of the base rates, or of the median."""
    cost_per_hour: float | None = None
    cost_without: float | None = None
    coverage: float | None = None
    """Coverage of the interval of remaining life."""
    psi: float | None = None
    """Population stability index of the metric that has changed most."""
    null_rate: float | None = None
    """Null rate of the metric that is missing most."""
    breaches: tuple[str, ...] = ()
    action: str = "none"
    """`none`, `rolled back` or `asked for training`, with the reason."""


_Monitor = ChampionMonitor[TaskCard, TaskModel, None, TaskHealth]


def monitor_tasks(home: Home, site: PredictSite, now: datetime) -> tuple[TaskHealth, ...]:
    """Check all tasks with a champion and act on the result; also publishes the ground truth of the current labels.

    Raises:
        Unreachable: the writer lock or the warehouse file was not available in time.
    """
    if not site.supervised:
        return ()
    labels = read_labels(home)
    monitor: _Monitor = ChampionMonitor(task_models, home, now, _unhealthy)
    with writer(home, site, "monitor tasks") as warehouse:
        ensure_predictions(warehouse.connection, home)
        every = [ground_truth.read_ground_truth(warehouse, config, labels, now) for config in site.supervised]
        ground_truth.publish_ground_truth(home, every)
        return tuple(
            health
            for truth in every
            for health in monitor.check(truth.config.name, partial(_of, warehouse, monitor, truth))
        )


def _unhealthy(task: str, model_id: str, breaches: tuple[str, ...]) -> TaskHealth:
    return TaskHealth(task, model_id, breaches=breaches)


def _of(
    warehouse: Warehouse, monitor: _Monitor, truth: GroundTruth, model: TaskModel, periods: Sequence[TaskPeriod]
) -> TaskHealth:
    """Health of an intact champion, and what was done about it."""
    terms = champions.takeovers(periods)
    own = read_record(warehouse, truth, model, terms[0].serves_from, None)
    health = _health(warehouse, truth, model, own, monitor.now)
    worse = better_earlier_version(monitor.home, warehouse, truth, terms, own)
    if worse is not None:
        return monitor.roll_back(health, truth.config.name, *worse)
    if health.breaches and truth.config.is_trained:
        return monitor.ask_training(health, truth.config.name, model.card.created_at)
    return health


def _health(
    warehouse: Warehouse, truth: GroundTruth, model: TaskModel, own: TaskRecord | None, now: datetime
) -> TaskHealth:
    psi, nulls = _distribution(warehouse, truth.config, model, now)
    found = TaskHealth(truth.config.name, model.model_id, psi=psi, null_rate=nulls, breaches=drift.moved(psi, nulls))
    if not matches_task(model, truth):
        return replace(found, breaches=(*found.breaches, "the champion was made for other inputs or classes"))
    if own is None:
        return found
    base = without_a_model(own.target, model.card, truth.config)
    coverage = float(own.covers.mean())
    coverage_or_none = coverage if np.isfinite(coverage) else None
    return replace(
        found,
        answered=len(own.rows),
        loss=float(own.losses.loss.mean()),
        loss_without=float(base.loss.mean()),
        cost_per_hour=float(own.losses.cost.mean()),
        cost_without=float(base.cost.mean()),
        coverage=coverage_or_none,
        breaches=(*found.breaches, *_breaches(own, base, truth.config, coverage_or_none)),
    )


def _breaches(own: TaskRecord, base: RowLosses, config: TaskConfig, coverage: float | None) -> Iterator[str]:
    if is_clearly_more(own.losses.loss, base.loss, own.groups):
        yield f"{loss_name(config)} {own.losses.loss.mean():.4g}, {base.loss.mean():.4g} without a model"
    if is_clearly_more(own.losses.cost, base.cost, own.groups):
        yield f"its decisions cost {own.losses.cost.mean():.4g} an hour, {base.cost.mean():.4g} without a model"
    if (
        coverage is not None
        and own.observations >= LEAST_GROUPS
        and not drift.COVERAGE[0] <= coverage <= drift.COVERAGE[1]
    ):
        yield f"intervals cover {coverage:.1%}, outside {drift.COVERAGE[0]:.0%}-{drift.COVERAGE[1]:.0%}"


def _distribution(
    warehouse: Warehouse, config: TaskConfig, model: TaskModel, now: datetime
) -> tuple[float | None, float | None]:
    """Largest PSI and null rate over the metrics of the task; None for a model not trained on data of this site."""
    card = model.card
    if card.trained_to is None:
        return None, None
    found = [
        drift.distribution(warehouse, name, card.trained_to, card.learnt_devices, now) for name in config.looked_at
    ]
    psi = max((psi for psi, _ in found if psi is not None), default=None)
    return psi, max((nulls for _, nulls in found if nulls is not None), default=None)
