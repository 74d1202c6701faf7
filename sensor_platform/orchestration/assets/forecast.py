"""Features, model and predictions. Training is a separate asset without partitions."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    asset,
)

from sensor_platform.orchestration.checks.freshness import policy_of
from sensor_platform.orchestration.metadata_tables import Facts, as_table
from sensor_platform.orchestration.model_results import champion_health, made_rows
from sensor_platform.orchestration.partitions import DAYS, ONE_RUN, OWNERS, WRITER_POOL, scope_of
from sensor_platform.orchestration.retry_policy import with_retries
from sensor_platform.predict.reports import TrainReport
from sensor_platform.settings import Settings

HAS_MODEL = "champion_exists"
GATE = "training_gate"
HEALTHY = "forecast_accuracy"
SCORE_FIRST, SCORE_LAST = "score_first_day", "score_last_day"
"""Metadata of a training: first and last day that its models can score."""


@asset(
    deps=["readings_1h"],
    partitions_def=DAYS,
    backfill_policy=ONE_RUN,
    group_name="forecast",
    kinds={"polars", "duckdb"},
    owners=OWNERS,
    pool=WRITER_POOL,
)
def features(context: AssetExecutionContext, settings: ResourceParam[Settings]) -> Iterator[MaterializeResult[None]]:
    """Inputs of the forecaster: one row per device, metric and hour, from that hour and the 168 hours before."""
    from sensor_platform.predict.features.build_features import build_features

    work = scope_of(context)
    with with_retries(context, settings.site.runs):
        report = build_features(settings.home, settings.site, days=(work.first, work.last), position=work.position)
    yield made_rows(report, report.newest_hour, by_metric=report.by_metric)


@asset(
    deps=["features"],
    backfill_policy=ONE_RUN,  # has no partitions; without the policy no range that includes it can be requested
    group_name="forecast",
    kinds={"python", "lightgbm"},
    owners=OWNERS,
    check_specs=[
        AssetCheckSpec(
            HAS_MODEL,
            asset="forecast_model",
            description="Every metric of `forecast.metrics` has a champion that fits today's features and horizons.",
        ),
        AssetCheckSpec(
            GATE,
            asset="forecast_model",
            blocking=True,
            description="No challenger was refused (errors, buckets, coverage, features, size, time); every champion"
            " is the promoted version. A refused challenger stays in the registry; the champion is served.",
        ),
    ],
)
def forecast_model(
    context: AssetExecutionContext,
    settings: ResourceParam[Settings],
) -> Iterator[MaterializeResult[None]]:
    """The champion of each forecast metric: LightGBM as text with its card, promoted where it wins the backtest."""
    from sensor_platform.predict.forecast.train import needs_training, train

    with with_retries(context, settings.site.runs):
        report = train(settings.home, settings.site, datetime.now(UTC))
        needs = needs_training(settings.home, settings.site)
    check = AssetCheckResult(
        check_name=HAS_MODEL,
        passed=not needs,
        severity=AssetCheckSeverity.WARN,
        metadata={"missing": as_table({"metric": need.metric, "why": need.why} for need in needs)},
    )
    yield MaterializeResult(metadata=_training_facts(report), check_results=[check, _gate(settings, report)])


def _gate(settings: Settings, report: TrainReport) -> AssetCheckResult:
    from sensor_platform.errors import CheckFailed
    from sensor_platform.predict.forecast.forecaster_registry import forecasters

    unusable: list[dict[str, str]] = []
    for metric in settings.site.forecast.metrics:
        try:
            forecasters.load_champion(settings.home, metric)
        except CheckFailed as error:
            unusable.append({"metric": metric, "why": error.message})
    refused = [each for each in report.metrics if each.trained and not each.promoted]
    return AssetCheckResult(
        check_name=GATE,
        passed=not unusable and not refused,
        metadata={"unusable": as_table(unusable), "refused_challengers": as_table(refused)},
    )


@asset(
    deps=["predictions"],
    backfill_policy=ONE_RUN,  # has no partitions, like the model
    group_name="forecast",
    kinds={"python", "duckdb"},
    owners=OWNERS,
    pool=WRITER_POOL,
    check_specs=[
        AssetCheckSpec(
            HEALTHY,
            asset="forecast_health",
            description="Live error, coverage, PSI and null rate of every champion are inside their bounds.",
        )
    ],
)
def forecast_health(
    context: AssetExecutionContext, settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult[None]]:
    """Compares forecasts with actuals: adjusts what is served, rolls back a worse model, requests training on drift."""
    from sensor_platform.predict.forecast.monitor import monitor_forecasts

    with with_retries(context, settings.site.runs):
        found = monitor_forecasts(settings.home, settings.site, datetime.now(UTC))
    yield champion_health(HEALTHY, "metrics", found)


def _training_facts(report: TrainReport) -> Facts:
    facts: Facts = {
        "promoted": report.promoted,
        "metrics": as_table(report.metrics),
        "backtest": as_table(report.backtest),
        "seconds": round(report.seconds, 3),
    }
    for metric, drawn in report.pictures.items():
        text = base64.b64encode(drawn).decode()
        facts[f"backtest of {metric}"] = MetadataValue.md(f"![backtest](data:image/png;base64,{text})")
    if report.score_days is not None:
        facts[SCORE_FIRST], facts[SCORE_LAST] = (day.isoformat() for day in report.score_days)
    return facts


@asset(
    deps=["features", "forecast_model"],
    partitions_def=DAYS,
    backfill_policy=ONE_RUN,
    group_name="forecast",
    kinds={"lightgbm", "duckdb"},
    owners=OWNERS,
    freshness_policy=policy_of("predictions"),
    pool=WRITER_POOL,
)
def predictions(context: AssetExecutionContext, settings: ResourceParam[Settings]) -> Iterator[MaterializeResult[None]]:
    """Forecasts with 5/50/95 % quantiles: one row per device, metric, hour of issue and horizon, by day of issue."""
    from sensor_platform.predict.forecast.score_job import score

    work = scope_of(context)
    with with_retries(context, settings.site.runs):
        days = (work.first, work.last)
        report = score(settings.home, settings.site, days, work.position, now=datetime.now(UTC))
    yield made_rows(report, report.newest_issued_at, by_model=report.by_model, by_served=report.by_served)
