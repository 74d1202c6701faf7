"""Train every task that has labels, keep what was learnt in the registry, and promote what deserves it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.clock import EPOCH, HOUR, to_micros, utc_from_micros
from sensor_platform.labels.label_store import Label, LabelVersion, changes, read_history, read_labels, read_superseded
from sensor_platform.predict.forecast import model_card as forecast_cards
from sensor_platform.predict.forecast import model_files
from sensor_platform.predict.forecast.promotion import PromotionDecision
from sensor_platform.predict.registry import version_files
from sensor_platform.predict.reports import Row, TaskTraining, TaskTrainReport, TrainingNeed
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.predict.supervised import fitting, gate, ground_truth
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.cycles import events
from sensor_platform.predict.supervised.inputs import Rows, examples, no_rows, sha256
from sensor_platform.predict.supervised.late_labels import late_labels
from sensor_platform.predict.supervised.learn_task import Learned, learn
from sensor_platform.predict.supervised.task_card import MODEL, TaskCard
from sensor_platform.predict.supervised.task_registry import task_models
from sensor_platform.warehouse.tables import writer

MOST_ROWS = 200_000
"""Common hours that are learnt from: more are thinned evenly, so that memory and time do not grow with the history."""


def train_tasks(home: Home, site: PredictSite, now: datetime) -> TaskTrainReport:
    """Train, judge with devices held out, and where deserved promote a model per task.

    Args:
        home: data folder.
        site: `supervised` says which tasks.
        now: aware UTC. Hours that are not over by then are not learnt from.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
        CheckFailed: a champion pointer is damaged, or folds share a device.
    """
    started = time.monotonic()
    history = read_history(home)
    made = [_trained_or_why(home, site, config, history, now) for config in site.supervised]
    return TaskTrainReport(
        tasks=tuple(each.report for each in made),
        estimates=tuple({"task": each.report.task, **each.estimate} for each in made if each.estimate is not None),
        score_days=_score_days(site, [at for each in made for at in each.score_from], now),
        seconds=time.monotonic() - started,
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """What became of one task, and from when on hours are to be scored because of it."""

    report: TaskTraining
    estimate: Mapping[str, float | None] | None = None
    score_from: tuple[datetime, ...] = ()


def _trained_or_why(
    home: Home, site: PredictSite, config: TaskConfig, history: list[LabelVersion], now: datetime
) -> _Made:
    """A damaged pointer of one task keeps no other from being trained: the gate's check fails for it."""
    try:
        return _train(home, site, config, history, now)
    except version_files.Unusable as error:
        return _Made(_waits(config, error.message))


def _train(home: Home, site: PredictSite, config: TaskConfig, history: list[LabelVersion], now: datetime) -> _Made:
    began = time.monotonic()
    late = late_labels(home, config, changes(history), 1)
    score_from = tuple(utc_from_micros(each.start_at) for each in late)
    if not config.is_trained:
        return _Made(_waits(config, "is_trained is false"), score_from=score_from)
    rows, classes = _examples(home, site, config, [each.label for each in history if each.superseded_at is None], now)
    learned = learn(rows, config, classes)
    if isinstance(learned, str):
        _note(home, config, now, learned)
        return _Made(_waits(config, f"waits: {learned}"), score_from=score_from)
    card, decision, is_first = _keep(home, config, rows, learned, now)
    score_from += (card.trained_to,) if is_first and card.trained_to else ()
    return _Made(_trained(card, decision, rows, time.monotonic() - began), card.estimate, score_from)


def _waits(config: TaskConfig, why: str) -> TaskTraining:
    return TaskTraining(task=config.name, trained=False, promoted=False, why=why)


def _examples(
    home: Home, site: PredictSite, config: TaskConfig, labels: list[Label], now: datetime
) -> tuple[Rows, tuple[str, ...]]:
    with writer(home, site, "read examples for training") as warehouse:
        found = ground_truth.known(warehouse, config, labels, now)
        rows = examples(warehouse, config, found.spans, found.lives, MOST_ROWS) if found.spans else no_rows(config)
    return rows, found.classes


def _keep(
    home: Home, config: TaskConfig, rows: Rows, learned: Learned, now: datetime
) -> tuple[TaskCard, PromotionDecision, bool]:
    card, contents = version(config, rows, learned, now)
    try:
        champion = task_models.load_champion(home, config.name)
        decision = gate.decide(learned, card, contents, config, champion)
    except version_files.Unusable as error:
        champion, decision = None, PromotionDecision(promoted=True, why=f"the champion cannot be used: {error.message}")
        refused = gate.unsound(learned, card, contents, config)
        decision = PromotionDecision(promoted=False, why=refused) if refused else decision
    task_models.save(home, card, contents)
    if decision.promoted:
        task_models.promote(home, config.name, card.version, now, decision.why)
    elif champion is None:
        _note(home, config, now, f"refused: {decision.why}")
    return card, decision, decision.promoted and champion is None


def _note(home: Home, config: TaskConfig, now: datetime, reason: str) -> None:
    """That a training of today's labels gave no model."""
    task_models.note_waiting(home, config.name, now, reason)


def needs_task_training(home: Home, site: PredictSite) -> tuple[TrainingNeed, ...]:
    """Tasks that should be trained at once, and why. Reads a few small files; opens no warehouse."""
    wanted = [config for config in site.supervised if config.is_trained]
    gone = read_superseded(home) if wanted else []
    return tuple(need for config in wanted if (need := _need(home, config, gone)))


def _need(home: Home, config: TaskConfig, gone: Sequence[LabelVersion]) -> TrainingNeed | None:
    """Labels that came before there is a model, those that were learnt from and taken back, what the watch asks for."""
    try:
        has_model = task_models.champion_card(home, config.name) is not None
    except CheckFailed as error:
        return TrainingNeed(config.name, error.message, None)
    waiting, asked = task_models.waiting(home, config.name), task_models.asked(home, config.name)
    made = [version_files.created_at(name) for name in task_models.versions(home, config.name)]
    tried = max([*made, *([waiting.asked_at] if waiting else [])], default=EPOCH)
    since = to_micros(tried)
    if not has_model:
        has_come = any(label.created_at > since and _counts(label, config) for label in read_labels(home))
        return TrainingNeed(config.name, "labels have come, and there is no model yet", None) if has_come else None
    learnt = [each for each in gone if each.label.created_at <= since < (each.superseded_at or 0)]
    count = sum(_counts(each.label, config) for each in learnt)
    if count:
        return TrainingNeed(config.name, f"labels that may have been learnt from were taken back: {count}", tried)
    return TrainingNeed(config.name, asked.reason, None) if asked is not None and asked.asked_at > tried else None


def _counts(label: Label, config: TaskConfig) -> bool:
    return bool(events([label], config))


def version(config: TaskConfig, rows: Rows, learned: Learned, now: datetime) -> tuple[TaskCard, dict[str, bytes]]:
    """Card and files of what was learnt."""
    contents = {MODEL: learned.booster.model_to_string().encode()}
    size = len(learned.classes)
    card = TaskCard(
        task=config.name,
        version=version_files.version_name(now, contents),
        kind=config.kind,
        created_at=now,
        origin="trained",
        sources=config.sources,
        inputs_sha256=sha256(config.sources),
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
        estimate=learned.estimate,
        parameters=fitting.parameters(config.kind, len(rows), size, learned.recipe, config.seed) | learned.recipe,
        seed=config.seed,
        libraries=forecast_cards.library_versions(),
        git_revision=model_files.git_revision(),
    )
    return card, contents


def _trained(card: TaskCard, decision: PromotionDecision, rows: Rows, seconds: float) -> TaskTraining:
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
    """Days to score after a training: what first models have not learnt from, and what late labels change."""
    return (max(min(first).date(), site.start), now.astimezone(UTC).date()) if first else None


def unusable_champions(home: Home, site: PredictSite) -> tuple[Row, ...]:
    """Tasks whose champion is not what was promoted, or was made for other inputs than the site asks for now."""
    found: list[Row] = []
    for config in site.supervised:
        try:
            model = task_models.load_champion(home, config.name)
        except CheckFailed as error:
            found.append({"task": config.name, "why": error.message})
            continue
        if model is not None and model.card.inputs_sha256 != sha256(config.sources):
            found.append({"task": config.name, "why": "the champion was made for other inputs"})
    return tuple(found)
