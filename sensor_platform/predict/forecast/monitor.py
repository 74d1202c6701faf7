"""Monitoring of the forecasters by their live record: adjust serving rules, roll back, ask for training on drift."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.predict.features.grid import HOURLY
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.actuals import read_live
from sensor_platform.predict.forecast.candidates.candidate_table import BASELINES, CANDIDATES
from sensor_platform.predict.forecast.forecaster_registry import (
    ForecasterPeriod,
    ForecastModel,
    forecasters,
    load_record,
)
from sensor_platform.predict.forecast.model_card import ForecasterCard
from sensor_platform.predict.forecast.promotion import served_errors
from sensor_platform.predict.forecast.rollback import LEAST_FORECASTS, better_before
from sensor_platform.predict.forecast.selection.adjust import ServingRule, adjust
from sensor_platform.predict.forecast.selection.forecast_record import (
    ForecastRecord,
    HorizonBucket,
    concatenate_records,
)
from sensor_platform.predict.monitoring.champion_monitor import ChampionMonitor
from sensor_platform.predict.monitoring.drift import breaches, distribution
from sensor_platform.predict.over_hours import OverHours, over_hours
from sensor_platform.predict.registry import version_files
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.warehouse.tables import writer

LEAST_HOURS = 24
"""With actuals of fewer different hours nothing is decided."""
_MOVED = 0.1
"""Smaller changes of weights are ignored, because every adjustment is an entry of the champion history."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ForecastHealth:
    """The live state of one metric's forecasts. Figures are None while there are too few actuals."""

    metric: str
    model_id: str
    forecasts: int = 0
    """Forecasts of the champion itself that have an actual."""
    error: float | None = None
    ratio_to_naive: float | None = None
    """Error of the served forecasts divided by the error of the best baseline."""
    coverage: float | None = None
    psi: float | None = None
    null_rate: float | None = None
    """Share of the newest week's hours, of the devices that were learnt from, without a value."""
    breaches: tuple[str, ...] = ()
    action: str = "none"
    """`none`, `adjusted`, `rolled back` or `asked for training`, with the reason."""


_Monitor = ChampionMonitor[ForecasterCard, ForecastModel, ServingRule, ForecastHealth]


def monitor_forecasts(home: Home, site: PredictSite, now: datetime) -> tuple[ForecastHealth, ...]:
    """Check the champion of every metric, and act on the result.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
    """
    monitor: _Monitor = ChampionMonitor(forecasters, home, now, _unhealthy)
    with writer(home, site, "monitor forecasts") as warehouse:
        over = over_hours(warehouse, site, now)
        return tuple(
            health
            for metric in site.forecast.metrics
            for health in monitor.check(metric, partial(_of, site, over, monitor, metric))
        )


def _unhealthy(metric: str, model_id: str, breaches: tuple[str, ...]) -> ForecastHealth:
    return ForecastHealth(metric=metric, model_id=model_id, breaches=breaches)


def _of(
    site: PredictSite,
    over: OverHours,
    monitor: _Monitor,
    metric: str,
    model: ForecastModel,
    periods: Sequence[ForecasterPeriod],
) -> ForecastHealth:
    """Health of an intact champion, and what was done about it."""
    home, now = monitor.home, monitor.now
    since = now - site.forecast.record_hours * _HOUR
    own = read_live(over, metric, max(since, model.card.trained_to), now - _HOUR, model.model_id)
    health = _health(over, metric, model, periods[-1], own, now)
    worse = better_before(home, over, metric, periods, model, now) if own is not None and _is_enough(own) else None
    if worse is not None:
        return monitor.roll_back(health, metric, *worse)
    if health.breaches:
        health = monitor.ask_training(health, metric, model.card.created_at)
    adjusted = _adjust(home, site, metric, model, own, now)
    if adjusted is None:
        return health
    return replace(health, action=adjusted if health.action == "none" else f"{health.action}; {adjusted}")


def _health(
    over: OverHours,
    metric: str,
    model: ForecastModel,
    period: ForecasterPeriod,
    own: ForecastRecord | None,
    now: datetime,
) -> ForecastHealth:
    rules = period.rules or model.card.rules
    error = ratio = coverage = None
    if own is not None and _is_enough(own):
        error = float(served_errors(own, rules).mean())
        naive = min(float(each.mean()) for name, each in own.errors().items() if name in BASELINES)
        ratio = error / naive if naive > 0 else 1.0
        coverage = float(_inside(own, rules).mean())
    psi, nulls = distribution(over.warehouse, metric, model.card.trained_to, model.card.learnt_devices, now)
    figures = {"ratio": ratio, "coverage": coverage, "psi": psi, "nulls": nulls}
    return ForecastHealth(
        metric=metric,
        model_id=model.model_id,
        forecasts=0 if own is None else len(own),
        error=error,
        ratio_to_naive=ratio,
        coverage=coverage,
        psi=psi,
        null_rate=nulls,
        breaches=breaches(**figures),
    )


def _is_enough(record: ForecastRecord) -> bool:
    return len(record) >= LEAST_FORECASTS and len(np.unique(record.target)) >= LEAST_HOURS


def _inside(record: ForecastRecord, rules: Sequence[ServingRule]) -> Floats:
    widening = np.zeros(len(record))
    for rule in rules:
        widening[HorizonBucket(rule.first, rule.last).holds(record.horizon)] = rule.widening
    return (record.misses <= widening).astype(np.float64)


def _adjust(
    home: Home, site: PredictSite, metric: str, model: ForecastModel, own: ForecastRecord | None, now: datetime
) -> str | None:
    """Adopt the rules of backtest and live record if they differ from those in force; returns the reason, or None."""
    if own is None or not _is_enough(own):
        return None
    in_force = forecasters.champion_periods(home, metric)[-1].rules or model.card.rules
    since = now - site.forecast.record_hours * _HOUR
    rules = _merged(adjust(_evidence(home, metric, model, own, since), site.forecast.horizons), in_force)
    moved = [rule for rule, old in zip(rules, in_force, strict=True) if _differs(rule, old)]
    if not moved:
        return None
    changes = ", ".join(
        f"{rule.first}-{rule.last} h serves {rule.text()}, widening {rule.widening:.3f}" for rule in moved
    )
    why = f"adjusted to the backtest and {len(own)} live forecasts: {changes}"
    forecasters.promote(home, metric, model.card.version, now, why, rules)
    return why


def _evidence(home: Home, metric: str, model: ForecastModel, own: ForecastRecord, since: datetime) -> ForecastRecord:
    """The backtest's record followed by the live record, which alone covers few hours; `evaluate` does the same."""
    try:
        backtest = load_record(home, metric, model.card.version)
    except version_files.Unusable:
        return own
    if backtest is None:
        return own
    return concatenate_records([backtest.where(backtest.target * HOURLY.step_us > to_micros(since)), own])


def _merged(found: Sequence[ServingRule], in_force: Sequence[ServingRule]) -> tuple[ServingRule, ...]:
    """The new rule where its bucket has enough forecasts, else the one in force."""
    by_bucket = {(rule.first, rule.last): rule for rule in found}
    merged = []
    for old in in_force:
        new = by_bucket.get((old.first, old.last))
        merged.append(new if new is not None and new.rows >= LEAST_FORECASTS else old)
    return tuple(merged)


def _differs(rule: ServingRule, old: ServingRule) -> bool:
    new, before = rule.shares(CANDIDATES), old.shares(CANDIDATES)
    moved = max(abs(new.get(name, 0.0) - before.get(name, 0.0)) for name in CANDIDATES)
    return moved > _MOVED or abs(rule.widening - old.widening) > 0.02
