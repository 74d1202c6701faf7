"""Supervised tasks as assets: a model per task without partitions, and its scores by day."""

from collections.abc import Iterator
from datetime import UTC, datetime

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    MaterializeResult,
    ResourceParam,
    asset,
)

from sensor_platform.orchestration.assets.forecast import SCORE_FIRST, SCORE_LAST
from sensor_platform.orchestration.metadata_tables import Facts, as_table
from sensor_platform.orchestration.model_results import champion_health, made_rows
from sensor_platform.orchestration.partitions import DAYS, ONE_RUN, OWNERS, WRITER_POOL, scope_of
from sensor_platform.orchestration.retry_policy import with_retries
from sensor_platform.settings import Settings

TASK_GATE = "champion_gate"
TASK_HEALTHY = "task_accuracy"


@asset(
    deps=["features"],
    backfill_policy=ONE_RUN,  # has no partitions; without the policy no range that includes it can be requested
    group_name="forecast",
    kinds={"python", "lightgbm"},
    owners=OWNERS,
    check_specs=[
        AssetCheckSpec(
            TASK_GATE,
            asset="supervised_model",
            blocking=True,
            description="No challenger was refused, every champion is the promoted version and fits today's inputs.",
        )
    ],
)
def supervised_model(
    context: AssetExecutionContext, settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult[None]]:
    """The champion of each task of `supervised`: trained on labels, tested on held-out devices, calibrated."""
    from sensor_platform.predict.supervised.train_tasks import train_tasks
    from sensor_platform.predict.supervised.training_needs import unusable_champions

    with with_retries(context, settings.site.runs):
        report = train_tasks(settings.home, settings.site, datetime.now(UTC))
        unusable = unusable_champions(settings.home, settings.site)
    refused = [each for each in report.tasks if each.trained and not each.promoted]
    facts: Facts = {
        "tasks": as_table(report.tasks),
        "estimates": as_table(report.estimates),
        "seconds": round(report.seconds, 3),
    }
    if report.score_days is not None:
        facts[SCORE_FIRST], facts[SCORE_LAST] = (day.isoformat() for day in report.score_days)
    check = AssetCheckResult(
        check_name=TASK_GATE,
        passed=not refused and not unusable,
        metadata={"refused": as_table(refused), "unusable": as_table(unusable)},
    )
    yield MaterializeResult(metadata=facts, check_results=[check])


@asset(
    deps=["features", "supervised_model"],
    partitions_def=DAYS,
    backfill_policy=ONE_RUN,
    group_name="forecast",
    kinds={"lightgbm", "duckdb"},
    owners=OWNERS,
    pool=WRITER_POOL,
)
def supervised_scores(
    context: AssetExecutionContext, settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult[None]]:
    """Scores of the tasks' models: one row per task, device and hour, with probability, decision and reason."""
    from sensor_platform.predict.supervised.score_tasks import score_tasks

    work = scope_of(context)
    with with_retries(context, settings.site.runs):
        days = (work.first, work.last)
        report = score_tasks(settings.home, settings.site, days, work.position, now=datetime.now(UTC))
    yield made_rows(report, report.newest_hour, by_task=report.by_task, alarms=report.alarms)


@asset(
    deps=["supervised_scores"],
    backfill_policy=ONE_RUN,  # has no partitions, like the model
    group_name="forecast",
    kinds={"python", "duckdb"},
    owners=OWNERS,
    pool=WRITER_POOL,
    check_specs=[
        AssetCheckSpec(
            TASK_HEALTHY,
            asset="supervised_health",
            description="By the newest labels, every champion is better than no model and its inputs have not drifted;"
            " none had to be rolled back.",
        )
    ],
)
def supervised_health(
    context: AssetExecutionContext, settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult[None]]:
    """Compares scores with labels: rolls back a worse model, requests training on drift."""
    from sensor_platform.predict.supervised.monitor_tasks import monitor_tasks

    with with_retries(context, settings.site.runs):
        found = monitor_tasks(settings.home, settings.site, datetime.now(UTC))
    yield champion_health(TASK_HEALTHY, "tasks", found)
