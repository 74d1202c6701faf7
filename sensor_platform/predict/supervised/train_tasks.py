"""Train all tasks with labels, save the models in the registry, and promote those that pass the gate."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR, utc_from_micros
from sensor_platform.labels.label_store import Label, LabelVersion, changes, read_history
from sensor_platform.predict.features.build_features import catch_up
from sensor_platform.predict.forecast import model_card as forecast_cards
from sensor_platform.predict.forecast import model_files
from sensor_platform.predict.forecast.promotion import PromotionDecision
from sensor_platform.predict.over_hours import over_hours
from sensor_platform.predict.registry import version_files
from sensor_platform.predict.reports import TaskTraining, TaskTrainReport
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.predict.supervised import fitting, gate, ground_truth
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.due_hours import late_labels
from sensor_platform.predict.supervised.learn_task import LearnedTask, learn_task
from sensor_platform.predict.supervised.read_task_rows import read_examples
from sensor_platform.predict.supervised.task_card import MODEL, TaskCard
from sensor_platform.predict.supervised.task_registry import task_models
from sensor_platform.predict.supervised.task_rows import TaskRows, no_task_rows, sources_sha256
from sensor_platform.warehouse.tables import writer

MOST_ROWS = 200_000
"""Maximum number of common hours to train on; more are thinned evenly, which bounds memory and time."""


def train_tasks(home: Home, site: PredictSite, now: datetime) -> TaskTrainReport:
    """Train a model per task, evaluate it on held-out devices, and promote it if it passes the gate.

    Features that are behind are built first.

    Args:
        home: data folder.
        site: `supervised` lists the tasks.
        now: aware UTC. Hours that have not ended by then are not used.

    Raises:
        Unreachable: the writer lock or the warehouse file was not available in time.
        CheckFailed: a champion pointer is damaged, or folds share a device.
    """
    started = time.monotonic()
    history = read_history(home)
    if any(config.is_trained for config in site.supervised):
        catch_up(home, site)
    made = [_trained_or_why(home, site, config, history, now) for config in site.supervised]
    return TaskTrainReport(
        tasks=tuple(each.report for each in made),
        estimates=tuple({"task": each.report.task, **each.estimate} for each in made if each.estimate is not None),
        score_days=_score_days(site, [at for each in made for at in each.score_from], now),
        seconds=time.monotonic() - started,
    )


@dataclass(frozen=True, slots=True)
class _TrainingOutcome:
    """Outcome of training one task, and the times from which on hours must be scored because of it."""

    report: TaskTraining
    estimate: Mapping[str, float | None] | None = None
    score_from: tuple[datetime, ...] = ()


def _trained_or_why(
    home: Home, site: PredictSite, config: TaskConfig, history: list[LabelVersion], now: datetime
) -> _TrainingOutcome:
    """A damaged champion file of one task does not stop the others; the check of the champion gate reports it."""
    try:
        return _train(home, site, config, history, now)
    except version_files.Unusable as error:
        return _TrainingOutcome(_waits(config, error.message))


def _train(
    home: Home, site: PredictSite, config: TaskConfig, history: list[LabelVersion], now: datetime
) -> _TrainingOutcome:
    began = time.monotonic()
    late = late_labels(home, config, changes(history), 1)
    score_from = tuple(utc_from_micros(each.start_at) for each in late)
    if not config.is_trained:
        return _TrainingOutcome(_waits(config, "is_trained is false"), score_from=score_from)
    rows, classes = _examples(home, site, config, [each.label for each in history if each.superseded_at is None], now)
    learned = learn_task(rows, config, classes)
    if isinstance(learned, str):
        _note(home, config, now, learned)
        return _TrainingOutcome(_waits(config, f"waits: {learned}"), score_from=score_from)
    card, decision, is_first = _keep(home, config, rows, learned, now)
    score_from += (card.trained_to,) if is_first and card.trained_to else ()
    return _TrainingOutcome(_trained(card, decision, rows, time.monotonic() - began), card.estimate, score_from)


def _waits(config: TaskConfig, why: str) -> TaskTraining:
    return TaskTraining(task=config.name, trained=False, promoted=False, why=why)


def _examples(
    home: Home, site: PredictSite, config: TaskConfig, labels: list[Label], now: datetime
) -> tuple[TaskRows, tuple[str, ...]]:
    with writer(home, site, "read examples for training") as warehouse:
        found = ground_truth.read_ground_truth(warehouse, config, labels, now)
        rows = (
            read_examples(over_hours(warehouse, site, now), config, found.spans, found.cycles, MOST_ROWS)
            if found.spans
            else no_task_rows(config)
        )
    return rows, found.classes


def _keep(
    home: Home, config: TaskConfig, rows: TaskRows, learned: LearnedTask, now: datetime
) -> tuple[TaskCard, PromotionDecision, bool]:
    card, contents = new_task_version(config, rows, learned, now)
    try:
        champion = task_models.load_champion(home, config.name)
        decision = gate.decide(learned, card, contents, config, champion)
    except version_files.Unusable as error:
        champion, decision = None, PromotionDecision(promoted=True, why=f"the champion cannot be used: {error.message}")
        refused = gate.reason_to_refuse(learned, card, contents, config)
        decision = PromotionDecision(promoted=False, why=refused) if refused else decision
    task_models.save(home, card, contents)
    if decision.promoted:
        task_models.promote(home, config.name, card.version, now, decision.why)
    elif champion is None:
        _note(home, config, now, f"refused: {decision.why}")
    return card, decision, decision.promoted and champion is None


def _note(home: Home, config: TaskConfig, now: datetime, reason: str) -> None:
    """Record that training with the current labels gave no champion."""
    task_models.note_waiting(home, config.name, now, reason)


def new_task_version(
    config: TaskConfig, rows: TaskRows, learned: LearnedTask, now: datetime
) -> tuple[TaskCard, dict[str, bytes]]:
    """Card and files of a trained model."""
    contents = {MODEL: learned.booster.model_to_string().encode()}
    size = len(learned.classes)
    card = TaskCard(
        task=config.name,
        version=version_files.version_name(now, contents),
        kind=config.kind,
        created_at=now,
        origin="trained",
        sources=config.sources,
        inputs_sha256=sources_sha256(config.sources),
        defaults=config.defaults,
        classes=learned.classes,
        calibrations=learned.calibrations,
        threshold=learned.threshold,
        class_costs=config.class_costs,
        most_hours=config.most_hours if config.kind == "remaining_life" else 0,
        lower_by=learned.lower_by,
        upper_by=learned.upper_by,
        thirds=learned.thirds,
        trained_from=utc_from_micros(int(rows.hour.min()) * HOUR),
        trained_to=utc_from_micros(int(rows.hour.max()) * HOUR),
        folds_by=learned.folds.by,
        folds=len(learned.folds.folds),
        rows=len(rows),
        devices=len(set(rows.device.tolist())),
        learnt_devices=tuple(sorted(set(rows.device.tolist()))),
        estimate=learned.estimate,
        parameters=fitting.parameters(config.kind, len(rows), size, learned.recipe, config.seed) | learned.recipe,
        seed=config.seed,
        libraries=forecast_cards.library_versions(),
        git_revision=model_files.git_revision(),
    )
    return card, contents


def _trained(card: TaskCard, decision: PromotionDecision, rows: TaskRows, seconds: float) -> TaskTraining:
    return TaskTraining(
        task=card.task,
        trained=True,
        promoted=decision.promoted,
        why=decision.why,
        model_id=task_models.model_id(card.task, card.version),
        rows=len(rows),
        devices=card.devices,
        folds_by=card.folds_by,
        seconds=seconds,
    )


def _score_days(site: PredictSite, first: list[datetime], now: datetime) -> tuple[date, date] | None:
    """Days to score after a training: those after the training data of first models, those changed by late labels."""
    return (max(min(first).date(), site.start), now.astimezone(UTC).date()) if first else None
