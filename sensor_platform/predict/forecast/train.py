"""Train every configured metric, save each model in the registry, and promote it if it passes the gate."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.predict.features.build_features import catch_up
from sensor_platform.predict.features.grid import HOURLY
from sensor_platform.predict.features.matrix import InputLayout, PanelSource
from sensor_platform.predict.features.read_panels import read_to_learn
from sensor_platform.predict.forecast import new_version, plots, promotion
from sensor_platform.predict.forecast.candidates.candidate import Recipe
from sensor_platform.predict.forecast.forecaster_registry import ForecasterPeriod, forecasters
from sensor_platform.predict.forecast.model_card import ForecasterCard
from sensor_platform.predict.forecast.promotion import Incumbent, PromotionDecision
from sensor_platform.predict.forecast.selection.backtest import backtest
from sensor_platform.predict.forecast.selection.forecast_record import ForecastRecord
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster, block_steps, learn
from sensor_platform.predict.over_hours import over_hours
from sensor_platform.predict.registry import version_files
from sensor_platform.predict.reports import MetricTraining, Row, TrainingNeed, TrainReport
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.warehouse.tables import writer

_HOUR = timedelta(hours=1)


def train(home: Home, site: PredictSite, now: datetime) -> TrainReport:
    """Train, validate and, if it passes the gate, promote a model per configured metric, one after the other.

    Features that are behind are built first.

    Args:
        home: data folder.
        site: `forecast` has metrics, horizons, length of the history, and the seed.
        now: aware UTC. Hours that are not over by then are not learnt from.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
        CheckFailed: a champion pointer is damaged.
    """
    started = time.monotonic()
    done: list[MetricTraining] = []
    backtest: list[Row] = []
    first: list[ForecasterCard] = []
    drawn: dict[str, bytes] = {}
    if site.forecast.metrics:
        catch_up(home, site)
    for metric in site.forecast.metrics:
        began = time.monotonic()
        source = _source(home, site, metric, now)
        learned = _learn(site, source)
        if isinstance(learned, str):
            forecasters.note_waiting(home, metric, now, learned)
            done.append(MetricTraining(metric=metric, trained=False, promoted=False, why=learned))
            continue
        card, decision, period = _keep(home, site, metric, source, learned, now)
        done.append(_trained(card, decision, time.monotonic() - began))
        backtest.extend(_table(card))
        drawn |= _drawn(metric, source, learned) if len(drawn) < plots.MOST_METRICS else {}
        if period is not None and period.serves_from < period.promoted_at:
            first.append(card)
    return TrainReport(
        metrics=tuple(done),
        backtest=tuple(backtest),
        score_days=_score_days(site, first, now),
        seconds=time.monotonic() - started,
        pictures=drawn,
    )


def _drawn(metric: str, source: PanelSource, learned: LearnedForecaster) -> dict[str, bytes]:
    """The picture of a metric; empty without a backtest."""
    drawn = plots.picture(metric, source, learned)
    return {} if drawn is None else {metric: drawn}


def _source(home: Home, site: PredictSite, metric: str, now: datetime) -> PanelSource:
    """Feature rows of hours that are over, of the newest `train_days`."""
    oldest = now - timedelta(days=site.forecast.train_days)
    others = [name for name in site.forecast.looked_at if name != metric]
    with writer(home, site, "read features for training") as warehouse:
        return read_to_learn(over_hours(warehouse, site, now), metric, others, oldest, now - _HOUR)


def _learn(site: PredictSite, source: PanelSource) -> LearnedForecaster | str:
    """The trained forecaster, or why the metric waits."""
    config, rows = site.forecast, source.panel.rows
    if not len(rows):
        return "no hourly value of it yet"
    steps = source.panel.step[rows]
    history = int(steps.max() - steps.min()) + 1
    if history < config.min_history_hours:
        return f"{history} of the {config.min_history_hours} hours of history that min_history_hours asks for"
    learned = learn(source, config.horizons, config.backtest_hours, config.seed, config.parallel_fits)
    if learned is None:
        return "no pair of hours to learn from (gaps leave none)"
    missing = sorted(set(config.horizons) - set(learned.forecaster.units))
    if missing:
        return f"no pair of hours {missing[0]} apart"
    return learned


def _keep(
    home: Home, site: PredictSite, metric: str, source: PanelSource, learned: LearnedForecaster, now: datetime
) -> tuple[ForecasterCard, PromotionDecision, ForecasterPeriod | None]:
    config = site.forecast
    card, contents = new_version.version(metric, source, learned, config.horizons, config.seed, now)
    forecasters.save(home, card, contents)
    try:
        decision = promotion.decide(learned, contents, _incumbent(home, site, metric, source, learned))
    except version_files.Unusable as error:
        decision = PromotionDecision(promoted=True, why=f"the champion cannot be used: {error.message}")
    if not decision.promoted:
        if not forecasters.champion_periods(home, metric):  # or the sensor would ask for a training without end
            forecasters.note_waiting(home, metric, now, f"refused: {decision.why}")
        return card, decision, None
    return card, decision, forecasters.promote(home, metric, card.version, now, decision.why)


def _incumbent(
    home: Home, site: PredictSite, metric: str, source: PanelSource, learned: LearnedForecaster
) -> Incumbent | None:
    champion = forecasters.load_champion(home, metric)
    if champion is None:
        return None
    rules = forecasters.champion_periods(home, metric)[-1].rules or champion.card.rules
    trained_to = to_micros(champion.card.trained_to) // HOURLY.step_us
    incumbent = Incumbent(champion.card, champion.forecaster, rules, trained_to)
    if learned.judged is None or promotion.new_hours(learned.judged, incumbent) >= promotion.LEAST_HOURS:
        return incumbent
    return replace(incumbent, record=_record_of_recipe(site, source, learned, champion.forecaster.recipe))


def _record_of_recipe(
    site: PredictSite, source: PanelSource, learned: LearnedForecaster, recipe: Recipe
) -> ForecastRecord | None:
    """The backtest of another recipe, on the challenger's rows."""
    if recipe == learned.forecaster.recipe:
        return learned.record
    config = site.forecast
    steps = source.panel.step[source.panel.rows]
    block = block_steps(int(steps.max() - steps.min()) + 1, config.backtest_hours)
    found = backtest(source, config.horizons, block, config.seed, config.parallel_fits, recipe)
    return found.record if found else None


def _trained(card: ForecasterCard, decision: PromotionDecision, seconds: float) -> MetricTraining:
    return MetricTraining(
        metric=card.metric,
        trained=True,
        promoted=decision.promoted,
        why=decision.why,
        model_id=forecasters.model_id(card.metric, card.version),
        trained_to=card.trained_to,
        examples=card.examples,
        seconds=seconds,
    )


def _table(card: ForecasterCard) -> Iterator[Row]:
    for rule in card.rules:
        errors = {f"mae_{name}": error for name, error in rule.mae.items()}
        rest = {name: getattr(rule, name) for name in ("rows", "widening", "widening_rests_on", "why")}
        yield {"metric": card.metric, "first": rule.first, "last": rule.last, "served": rule.text(), **errors, **rest}


def _score_days(site: PredictSite, first: list[ForecasterCard], now: datetime) -> tuple[date, date] | None:
    """Days from the oldest hour that a first model can forecast from, to today."""
    if not first:
        return None
    oldest = min(card.trained_to for card in first) - (max(site.forecast.horizons) - 1) * _HOUR
    return max(oldest.date(), site.start), now.astimezone(UTC).date()


def needs_training(home: Home, site: PredictSite) -> tuple[TrainingNeed, ...]:
    """Configured metrics without a usable champion, and why. Reads a few small files; opens no database."""
    return tuple(need for metric in site.forecast.metrics if (need := _need(home, site, metric)))


def _need(home: Home, site: PredictSite, metric: str) -> TrainingNeed | None:
    try:
        card = forecasters.champion_card(home, metric)
    except CheckFailed as error:
        return TrainingNeed(metric, error.message, None)
    if card is None:
        waiting = forecasters.waiting(home, metric)
        why = waiting.reason if waiting else "no model yet"
        return TrainingNeed(metric, why, waiting.asked_at if waiting else None)
    if card.inputs_sha256 != InputLayout(others=card.others).sha256:
        return TrainingNeed(metric, "the champion was made for other features", None)
    missing = set(site.forecast.horizons) - set(card.horizons)
    if missing:
        return TrainingNeed(metric, f"the champion does not forecast {min(missing)} h ahead", None)
    asked = forecasters.asked(home, metric)
    if asked is not None and asked.asked_at > card.created_at:
        made_since = [
            name for name in forecasters.versions(home, metric) if version_files.created_at(name) > asked.asked_at
        ]
        return None if made_since else TrainingNeed(metric, asked.reason, None)
    return None
