"""Hourly upkeep: small landing files into larger ones; replaced files, old raw messages and superseded runs away."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from dagster import DefaultScheduleStatus, OpExecutionContext, ResourceParam, ScheduleDefinition, job, op

from sensor_platform.orchestration.failing import tried_again
from sensor_platform.orchestration.partitions import SETTINGS, WRITER_POOL
from sensor_platform.orchestration.past_runs import forget_superseded_runs
from sensor_platform.settings import Settings
from sensor_platform.warehouse.lock import writer_lock


@op(pool=WRITER_POOL)
def compact_landing(context: OpExecutionContext, settings: ResourceParam[Settings]) -> None:
    """Compact closed hours, delete what was replaced an hour ago, expire the raw archive."""
    from sensor_platform.landing.upkeep import keep_up

    site = settings.site
    with (
        tried_again(context, site.runs),
        writer_lock(settings.home, "upkeep", wait_seconds=site.warehouse.lock_wait_seconds),
    ):
        now = int(datetime.now(UTC).timestamp() * 1_000_000)
        done = keep_up(settings.home, site.slot_minutes, site.landing.raw_keep_days, now)
    context.add_output_metadata(asdict(done))


@op
def forget_runs(context: OpExecutionContext, settings: ResourceParam[Settings]) -> None:
    """Bound Dagster's own history: a run that later ones have superseded says nothing any more."""
    before = datetime.now(UTC) - timedelta(hours=settings.site.runs.keep_run_hours)
    with tried_again(context, settings.site.runs):
        context.add_output_metadata({"forgotten_runs": forget_superseded_runs(context.instance, before)})


@job(description="Compaction, retention, and the bounds of Dagster's own history.")
def upkeep() -> None:
    """Two steps that do not depend on each other."""
    compact_landing()
    forget_runs()


upkeep_schedule = ScheduleDefinition(
    name="hourly_upkeep",
    job=upkeep,
    cron_schedule=SETTINGS.site.runs.upkeep_cron,
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
)
