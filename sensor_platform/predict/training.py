"""Train every configured metric, keep what was learnt in the registry, and promote what deserves it."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.predict import features, promotion, registry
from sensor_platform.predict.learn import Learned, Waiting, learn
from sensor_platform.predict.matrix import INPUT_HASH
from sensor_platform.predict.promotion import Decision
from sensor_platform.predict.registry import Reign
from sensor_platform.predict.reports import MetricTraining, Row, TrainingNeed, TrainReport
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.warehouse.tables import writer

if TYPE_CHECKING:
    import polars as pl

_HOUR = timedelta(hours=1)


def train(home: Home, site: PredictSite, now: datetime) -> TrainReport:
    """Train, judge and where deserved promote a model per configured metric.

    Args:
        home: data folder.
        site: `forecast` says which metrics, horizons, how much history, and the seed.
        now: aware UTC. Hours that are not over by then are not learnt from.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
        CheckFailed: a champion pointer is damaged.
    """
    started = time.monotonic()
    done: list[MetricTraining] = []
    backtest: list[Row] = []
    first: list[Learned] = []
    for metric in site.forecast.metrics:
        began = time.monotonic()
        outcome = learn(metric, _history(home, site, metric, now), site.forecast, now)
        if isinstance(outcome, Waiting):
            registry.note_waiting(home, metric, now, outcome.reason)
            done.append(MetricTraining(metric=metric, trained=False, promoted=False, why=outcome.reason))
            continue
        decision, reign = _keep(home, outcome, now)
        done.append(_trained(outcome, decision, time.monotonic() - began))
        backtest.extend(_table(outcome))
        if reign is not None and reign.serves_from < reign.promoted_at:
            first.append(outcome)
    return TrainReport(
        metrics=tuple(done),
        backtest=tuple(backtest),
        score_days=_score_days(site, first, now),
        seconds=time.monotonic() - started,
    )


def _history(home: Home, site: PredictSite, metric: str, now: datetime) -> "pl.DataFrame":
    """Feature rows of complete hours of the newest `train_days`."""
    import polars as pl

    oldest = now - timedelta(days=site.forecast.train_days)
    with writer(home, site, "read features for training") as warehouse:
        known = warehouse.connection.execute("select 1 from duckdb_tables() where table_name = 'features'").fetchall()
        if not known:
            return features.empty()
        rows: pl.DataFrame = warehouse.connection.sql(
            "select * from features where metric = ? and window_start >= ? and window_start <= ?",
            params=[metric, oldest.replace(tzinfo=None), (now - _HOUR).replace(tzinfo=None)],
        ).pl()
    return rows.select(pl.col(features.COLUMNS))


def _keep(home: Home, learned: Learned, now: datetime) -> tuple[Decision, Reign | None]:
    card = learned.card
    registry.save(home, card, learned.texts)
    try:
        decision = promotion.decide(learned, registry.load_champion(home, card.metric))
    except registry.Unusable as error:
        decision = Decision(promoted=True, why=f"the champion cannot be used: {error.message}")
    if not decision.promoted:
        return decision, None
    return decision, registry.promote(home, card.metric, card.version, now, decision.why)


def _trained(learned: Learned, decision: Decision, seconds: float) -> MetricTraining:
    card = learned.card
    return MetricTraining(
        metric=card.metric,
        trained=True,
        promoted=decision.promoted,
        why=decision.why,
        model_id=registry.model_id(card.metric, card.version),
        trained_to=card.trained_to,
        examples=card.examples,
        seconds=seconds,
    )


def _table(learned: Learned) -> Iterator[Row]:
    for horizon in learned.card.horizons:
        yield {"metric": learned.card.metric, **msgspec.structs.asdict(horizon)}


def _score_days(site: PredictSite, first: list[Learned], now: datetime) -> tuple[date, date] | None:
    """From the oldest hour that a first model may forecast from, to today."""
    if not first:
        return None
    oldest = min(each.card.trained_to for each in first) - (max(site.forecast.horizons) - 1) * _HOUR
    return max(oldest.date(), site.start), now.astimezone(UTC).date()


def needs_training(home: Home, site: PredictSite) -> tuple[TrainingNeed, ...]:
    """Configured metrics without a usable champion, and why. Reads a few small files; opens no database."""
    return tuple(need for metric in site.forecast.metrics if (need := _need(home, site, metric)))


def _need(home: Home, site: PredictSite, metric: str) -> TrainingNeed | None:
    try:
        card = registry.champion_card(home, metric)
    except CheckFailed as error:
        return TrainingNeed(metric, error.message, None)
    if card is None:
        waiting = registry.waiting(home, metric)
        why = waiting.reason if waiting else "no model yet"
        return TrainingNeed(metric, why, waiting.asked_at if waiting else None)
    if card.inputs_sha256 != INPUT_HASH:
        return TrainingNeed(metric, "the champion was made for other features", None)
    missing = set(site.forecast.horizons) - {each.horizon_hours for each in card.horizons}
    if missing:
        return TrainingNeed(metric, f"the champion does not forecast {min(missing)} h ahead", None)
    return None
