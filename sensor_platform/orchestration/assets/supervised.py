"""What labels teach, as assets: a model per task without partitions, and its scores by day."""

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
from sensor_platform.orchestration.partitions import DAYS, ONE_RUN, OWNERS, WRITER_POOL, work_of
from sensor_platform.orchestration.retry_policy import tried_again
from sensor_platform.settings import Settings

TASK_GATE = "champion_gate"
TASK_HEALTHY = "task_accuracy"


@asset(
    deps=["features"],
    backfill_policy=ONE_RUN,  # has no partitions; without it no range that it is part of can be asked for
    group_name="forecast",
    kinds={"python", "lightgbm"},
    owners=OWNERS,
    check_specs=[
        AssetCheckSpec(
            TASK_GATE,
            asset="supervised_model",
            blocking=True,
            description="No challenger was refused, and every champion is what was promoted, for the inputs of today.",
        )
    ],
)
def supervised_model(
    context: AssetExecutionContext, settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult[None]]:
    """The champion of each task of `supervised`: learnt from labels, judged on devices held out, calibrated."""
    from sensor_platform.predict.supervised.train_tasks import train_tasks, unusable_champions

    with tried_again(context, settings.site.runs):
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
    """What the tasks' models say: one row per task, device and hour, with chance, decision and reason."""
    from sensor_platform.predict.supervised.score_tasks import score_tasks

    work = work_of(context)
    with tried_again(context, settings.site.runs):
        days = (work.first, work.last)
        report = score_tasks(settings.home, settings.site, days, work.position, now=datetime.now(UTC))
    yield made_rows(report, report.newest_hour, by_task=report.by_task, alarms=report.alarms)


@asset(
    deps=["supervised_scores"],
    backfill_policy=ONE_RUN,  # has no partitions, as the model
    group_name="forecast",
    kinds={"python", "duckdb"},
    owners=OWNERS,
    pool=WRITER_POOL,
    check_specs=[
        AssetCheckSpec(
            TASK_HEALTHY,
            asset="supervised_health",
            description="By the labels that came since, every champion is better than no model, and its inputs are"
            " those that it knows; none had to be rolled back.",
        )
    ],
)
def supervised_health(
    context: AssetExecutionContext, settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult[None]]:
    """What came of the scores: rolls a worse model back, asks for training on drift."""
    from sensor_platform.predict.supervised.monitor_tasks import monitor_tasks

    with tried_again(context, settings.site.runs):
        found = monitor_tasks(settings.home, settings.site, datetime.now(UTC))
    yield champion_health(TASK_HEALTHY, "tasks", found)
