"""The live record decides: adjust what is served, roll a worse model back, ask for a new one on drift."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from sensor_platform.home import Home
from sensor_platform.kernel.clock import to_micros
from sensor_platform.predict.features.grid import HOURLY
from sensor_platform.predict.features.matrix import examples
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.features.read_panels import read_source
from sensor_platform.predict.forecast.actuals import read_live
from sensor_platform.predict.forecast.candidates.candidate_table import BASELINES, CANDIDATES
from sensor_platform.predict.forecast.forecaster_registry import (
    ForecasterPeriod,
    ForecastModel,
    forecasters,
    load_record,
)
from sensor_platform.predict.forecast.promotion import served_errors
from sensor_platform.predict.forecast.selection.adjust import BucketRule, adjust, apply
from sensor_platform.predict.forecast.selection.forecast_record import Bucket, Record, joined
from sensor_platform.predict.monitoring.drift import breaches, distribution
from sensor_platform.predict.registry import champions, version_files
from sensor_platform.predict.reports import Row
from sensor_platform.predict.site_view import PredictSite
from sensor_platform.warehouse.tables import Warehouse, writer

LEAST_HOURS = 24
"""Fewer different hours that came true say nothing yet."""
LEAST_FORECASTS = 200
WORSE = 0.05
"""A champion this share worse than the one before it, on the same live rows, is rolled back."""
_MOST_COMPARED = 20_000
_MOVED = 0.1
"""Weights that moved by less are left as they are: every adjustment is a line of the model's history."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Health:
    """The live state of one metric's forecasts. Figures are None while too little came true."""

    metric: str
    model_id: str
    forecasts: int = 0
    """That came true, of the champion's own."""
    error: float | None = None
    ratio_to_naive: float | None = None
    """Error of what is served divided by the best baseline's."""
    coverage: float | None = None
    psi: float | None = None
    null_rate: float | None = None
    """Share of the newest week's hours, of the devices of the training, without a value."""
    breaches: tuple[str, ...] = ()
    action: str = "none"
    """`none`, `adjusted`, `rolled back` or `asked for training`, with the reason."""


def watch(home: Home, site: PredictSite, now: datetime) -> tuple[Health, ...]:
    """Look at every metric with a champion, and act.

    Raises:
        Unreachable: the writer lock or the warehouse file could not be had in time.
    """
    with writer(home, site, "watch forecasts") as warehouse:
        return tuple(_watched(home, site, warehouse, now))


def _watched(home: Home, site: PredictSite, warehouse: Warehouse, now: datetime) -> Iterator[Health]:
    for metric in site.forecast.metrics:
        try:
            periods = forecasters.champion_periods(home, metric)
        except version_files.Unusable as error:
            yield Health(metric=metric, model_id="", breaches=(error.message,))
            continue
        if not periods:
            continue
        try:
            model = forecasters.load(home, metric, periods[-1].version, periods[-1].card_sha256)
        except version_files.Unusable as error:
            yield _unusable(home, metric, periods, error.message, now)
            continue
        since = now - site.forecast.record_hours * _HOUR
        own = read_live(warehouse, metric, max(since, model.card.trained_to), now - _HOUR, model.model_id)
        health = _health(warehouse, metric, model, periods[-1], own, now)
        rolled_back = _roll_back(home, warehouse, metric, periods, model, own, now)
        yield _acted(home, site, health, model, own, rolled_back, now)


def _unusable(home: Home, metric: str, periods: Sequence[ForecasterPeriod], why: str, now: datetime) -> Health:
    """A champion that is not what was promoted: the newest sound version before it takes over."""
    before = forecasters.fall_back(home, metric, periods, why, now)
    found = Health(metric=metric, model_id=forecasters.model_id(metric, periods[-1].version), breaches=(why,))
    return replace(found, action=f"rolled back: {why}" if before else "none: there is no sound version before it")


def _acted(
    home: Home,
    site: PredictSite,
    health: Health,
    model: ForecastModel,
    own: Record | None,
    rolled_back: str | None,
    now: datetime,
) -> Health:
    if rolled_back is not None:
        return replace(health, action=f"rolled back: {rolled_back}")
    if health.breaches:
        reason = f"drift: {'; '.join(health.breaches)}"
        forecasters.ask_training(home, health.metric, model.card.created_at, now, reason)
        adjusted = _adjust(home, site, health.metric, model, own, now)
        return replace(health, action=f"asked for training{'; ' + adjusted if adjusted else ''}")
    return replace(health, action=_adjust(home, site, health.metric, model, own, now) or "none")


def _health(
    warehouse: Warehouse, metric: str, model: ForecastModel, period: ForecasterPeriod, own: Record | None, now: datetime
) -> Health:
    rules = period.rules or model.card.rules
    error = ratio = coverage = None
    if own is not None and _is_enough(own):
        error = float(served_errors(own, rules).mean())
        naive = min(float(each.mean()) for name, each in own.errors().items() if name in BASELINES)
        ratio = error / naive if naive > 0 else 1.0
        coverage = float(_inside(own, rules).mean())
    psi, nulls = distribution(warehouse, metric, model.card.trained_to, model.card.devices, now)
    figures = {"ratio": ratio, "coverage": coverage, "psi": psi, "nulls": nulls}
    return Health(
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


def _is_enough(record: Record) -> bool:
    return len(record) >= LEAST_FORECASTS and len(np.unique(record.target)) >= LEAST_HOURS


def _inside(record: Record, rules: Sequence[BucketRule]) -> Floats:
    widening = np.zeros(len(record))
    for rule in rules:
        widening[Bucket(rule.first, rule.last).holds(record.horizon)] = rule.widening
    return (record.misses <= widening).astype(np.float64)


def _adjust(
    home: Home, site: PredictSite, metric: str, model: ForecastModel, own: Record | None, now: datetime
) -> str | None:
    """Serve by backtest and live record where they say something else than is in force; what was done, in words."""
    if own is None or not _is_enough(own):
        return None
    in_force = forecasters.champion_periods(home, metric)[-1].rules or model.card.rules
    since = now - site.forecast.record_hours * _HOUR
    rules = _merged(adjust(_evidence(home, metric, model, own, since), site.forecast.horizons), in_force)
    moved = [rule for rule, old in zip(rules, in_force, strict=True) if _differs(rule, old)]
    if not moved:
        return None
    said = ", ".join(f"{rule.first}-{rule.last} h serves {rule.said()}, widening {rule.widening:.3f}" for rule in moved)
    why = f"adjusted to the backtest and {len(own)} live forecasts: {said}"
    forecasters.promote(home, metric, model.card.version, now, why, rules)
    return why


def _evidence(home: Home, metric: str, model: ForecastModel, own: Record, since: datetime) -> Record:
    """The live record behind that of the backtest, which alone knows more than a day: `evaluate` joins them as well."""
    try:
        backtest = load_record(home, metric, model.card.version)
    except version_files.Unusable:
        return own
    if backtest is None:
        return own
    return joined([backtest.where(backtest.target * HOURLY.step_us > to_micros(since)), own])


def _merged(found: Sequence[BucketRule], in_force: Sequence[BucketRule]) -> tuple[BucketRule, ...]:
    """The new rule where its bucket has enough forecasts, else the one in force."""
    by_bucket = {(rule.first, rule.last): rule for rule in found}
    merged = []
    for old in in_force:
        new = by_bucket.get((old.first, old.last))
        merged.append(new if new is not None and new.rows >= LEAST_FORECASTS else old)
    return tuple(merged)


def _differs(rule: BucketRule, old: BucketRule) -> bool:
    new, before = rule.shares(CANDIDATES), old.shares(CANDIDATES)
    moved = max(abs(new.get(name, 0.0) - before.get(name, 0.0)) for name in CANDIDATES)
    return moved > _MOVED or abs(rule.widening - old.widening) > 0.02


def _roll_back(
    home: Home,
    warehouse: Warehouse,
    metric: str,
    periods: Sequence[ForecasterPeriod],
    model: ForecastModel,
    own: Record | None,
    now: datetime,
) -> str | None:
    """Back to the version before, if on the hours that came true since it would have been clearly better."""
    before = next(champions.earlier_champions(periods), None)
    if before is None or own is None or not _is_enough(own):
        return None
    try:
        older = forecasters.load(home, metric, before.version, before.card_sha256)
    except version_files.Unusable:
        return None
    horizons = [horizon for horizon in model.card.horizons if horizon in older.card.horizons]
    since = max(champions.takeovers(periods)[0].serves_from, model.card.trained_to, older.card.trained_to)
    first = since - HOURLY.reach * _HOUR
    source = read_source(warehouse, metric, older.card.others, first, now - _HOUR)
    newest = read_source(warehouse, metric, model.card.others, first, now - _HOUR)
    start = to_micros(since) // HOURLY.step_us
    errors = []
    for panel_source, each, period in ((source, older, before), (newest, model, periods[-1])):
        rows = panel_source.panel.rows
        late = rows[panel_source.panel.step[rows] >= start]
        some = examples(panel_source, horizons, late, _MOST_COMPARED)
        served = apply(period.rules or each.card.rules, some, each.forecaster.forecast(some))
        errors.append(float(np.abs(served.value - some.actual).mean()) if len(some) >= LEAST_FORECASTS else None)
    if errors[0] is None or errors[1] is None or errors[1] <= errors[0] * (1 + WORSE):
        return None
    why = f"error {errors[1]:.4g} since {since:%Y-%m-%d %H:%M}Z where {before.version} would have had {errors[0]:.4g}"
    forecasters.promote(home, metric, before.version, now, f"rolled back: {why}", before.rules)
    return why


def row(health: Health) -> Row:
    """For a table of metadata."""
    return {
        "metric": health.metric,
        "model_id": health.model_id,
        "forecasts": health.forecasts,
        "error": health.error,
        "ratio_to_naive": health.ratio_to_naive,
        "coverage": health.coverage,
        "psi": health.psi,
        "null_rate": health.null_rate,
        "breaches": "; ".join(health.breaches),
        "action": health.action,
    }
