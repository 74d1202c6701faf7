"""Train every task that has labels, keep what was learnt in the registry, and promote what deserves it."""

import time
from datetime import UTC, date, datetime, timedelta

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.landing.labels import Label, read_labels
from sensor_platform.predict.models import card as forecast_cards
from sensor_platform.predict.models import files, store
from sensor_platform.predict.models import registry as forecasters
from sensor_platform.predict.models.promotion import Decision
from sensor_platform.predict.reports import Row, TaskTraining, TaskTrainReport, TrainingNeed
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.predict.supervised import fitting, gate, registry
from sensor_platform.predict.supervised.card import MODEL, TaskCard
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.inputs import Rows, device_spans, examples, sha256
from sensor_platform.predict.supervised.late import late_labels
from sensor_platform.predict.supervised.learn import Learned, learn
from sensor_platform.predict.supervised.lives import events, lives
from sensor_platform.predict.supervised.targets import class_names, spans
from sensor_platform.warehouse.tables import writer

MOST_ROWS = 200_000
"""Common hours that are learnt from: more are thinned evenly, so that memory and time do not grow with the history."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)


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
    labels = read_labels(home)
    done: list[TaskTraining] = []
    estimates: list[Row] = []
    first: list[datetime] = []
    for config in site.supervised:
        began = time.monotonic()
        first += [_EPOCH + timedelta(microseconds=each.start_at) for each in late_labels(home, config, labels, 1)]
        if not config.is_trained:
            done.append(TaskTraining(task=config.name, trained=False, promoted=False, why="is_trained is false"))
            continue
        rows, classes = _examples(home, site, config, labels, now)
        learned = learn(rows, config, classes)
        if isinstance(learned, str):
            _note(home, config, now, learned)
            done.append(TaskTraining(task=config.name, trained=False, promoted=False, why=f"waits: {learned}"))
            continue
        card, decision, is_first = _keep(home, config, rows, learned, now)
        first += [card.trained_to] if is_first and card.trained_to else []
        estimates.append({"task": config.name, **card.estimate})
        done.append(_trained(card, decision, rows, time.monotonic() - began))
    return TaskTrainReport(tuple(done), tuple(estimates), _score_days(site, first, now), time.monotonic() - started)


def _examples(
    home: Home, site: PredictSite, config: TaskConfig, labels: list[Label], now: datetime
) -> tuple[Rows, tuple[str, ...]]:
    found = events(labels, config)
    newest = (now - _EPOCH) // _HOUR - 1
    known_to = newest - config.label_delay_hours
    with writer(home, site, "read examples for training") as warehouse:
        tables = {name for (name,) in warehouse.connection.execute("select table_name from duckdb_tables()").fetchall()}
        devices = device_spans(warehouse, config.looked_at) if "features" in tables else {}
        known_lives = lives(devices, found) if config.has_lives else ()
        classes = class_names(config, found) if config.kind == "classes" else ()
        wanted = spans(config, found, known_lives, newest - config.train_days * 24, known_to)
        if not wanted or not devices:
            import numpy as np

            none = np.empty(0)
            return Rows(none.astype(object), none.astype(int), np.empty((0, len(config.sources))), none, none), classes
        return examples(warehouse, config, wanted, known_lives, MOST_ROWS), classes


def _keep(
    home: Home, config: TaskConfig, rows: Rows, learned: Learned, now: datetime
) -> tuple[TaskCard, Decision, bool]:
    card, contents = version(config, rows, learned, now)
    try:
        champion = registry.load_champion(home, config.name)
        decision = gate.decide(learned, card, contents, config, champion)
    except store.Unusable as error:
        champion, decision = None, Decision(promoted=True, why=f"the champion cannot be used: {error.message}")
        refused = gate.unsound(learned, card, contents, config)
        decision = Decision(promoted=False, why=refused) if refused else decision
    registry.save(home, card, contents)
    if decision.promoted:
        registry.promote(home, config.name, card.version, now, decision.why)
    elif champion is None:
        _note(home, config, now, f"refused: {decision.why}")
    return card, decision, decision.promoted and champion is None


def _note(home: Home, config: TaskConfig, now: datetime, reason: str) -> None:
    """That a training of today's labels gave no model."""
    forecasters.note_waiting(home, registry.alias(config.name), now, reason)


def needs_task_training(home: Home, site: PredictSite) -> tuple[TrainingNeed, ...]:
    """Tasks without a model that have got labels since they were last tried. Opens no warehouse."""
    open_tasks = [config for config in site.supervised if config.is_trained and not registry.reigns(home, config.name)]
    labels = read_labels(home) if open_tasks else []
    found = []
    for config in open_tasks:
        waiting = forecasters.waiting(home, registry.alias(config.name))
        since = (waiting.asked_at - _EPOCH) // timedelta(microseconds=1) if waiting else -1
        if any(_counts(label, config) and label.created_at > since for label in labels):
            found.append(TrainingNeed(config.name, "labels have come, and there is no model yet", None))
    return tuple(found)


def _counts(label: Label, config: TaskConfig) -> bool:
    return bool(events([label], config))


def version(config: TaskConfig, rows: Rows, learned: Learned, now: datetime) -> tuple[TaskCard, dict[str, bytes]]:
    """Card and files of what was learnt."""
    contents = {MODEL: learned.booster.model_to_string().encode()}
    size = len(learned.classes)
    card = TaskCard(
        task=config.name,
        version=store.version_name(now, contents),
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
        trained_from=_EPOCH + int(rows.hour.min()) * _HOUR,
        trained_to=_EPOCH + int(rows.hour.max()) * _HOUR,
        folds_by=learned.folds.by,
        folds=len(learned.folds.folds),
        rows=len(rows),
        devices=len(set(rows.device.tolist())),
        estimate=learned.estimate,
        parameters=fitting.parameters(config.kind, len(rows), size, learned.recipe, config.seed) | learned.recipe,
        seed=config.seed,
        libraries=forecast_cards.library_versions(),
        git_revision=files.git_revision(),
    )
    return card, contents


def _trained(card: TaskCard, decision: Decision, rows: Rows, seconds: float) -> TaskTraining:
    return TaskTraining(
        task=card.task,
        trained=True,
        promoted=decision.promoted,
        why=decision.why,
        model_id=registry.model_id(card.task, card.version),
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
            model = registry.load_champion(home, config.name)
        except CheckFailed as error:
            found.append({"task": config.name, "why": error.message})
            continue
        if model is not None and model.card.inputs_sha256 != sha256(config.sources):
            found.append({"task": config.name, "why": "the champion was made for other inputs"})
    return tuple(found)
