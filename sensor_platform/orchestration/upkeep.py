"""Hourly upkeep: compaction of landing files, retention, and deletion of replaced files, raw archive and old runs."""

from dataclasses import asdict
from datetime import timedelta

from dagster import DefaultScheduleStatus, OpExecutionContext, ResourceParam, ScheduleDefinition, job, op

from sensor_platform.kernel.clock import DAY, now_micros, utc_from_micros
from sensor_platform.orchestration.metadata_tables import as_table
from sensor_platform.orchestration.partitions import WRITER_POOL
from sensor_platform.orchestration.retry_policy import with_retries
from sensor_platform.orchestration.site_in_force import LOADED
from sensor_platform.orchestration.storage.past_runs import forget_other_runs, forget_superseded_runs
from sensor_platform.settings import Settings
from sensor_platform.warehouse.file.writer_lock import writer_lock

_SHOWN = 100


@op(pool=WRITER_POOL)
def compact_landing(context: OpExecutionContext, settings: ResourceParam[Settings]) -> None:
    """Compact closed hours, delete files that were replaced an hour ago, expire the raw archive."""
    from sensor_platform.landing.housekeeping import keep_house
    from sensor_platform.landing.lander_lock import changes_lock

    site = settings.site
    wait = site.warehouse.lock_wait_seconds
    with (
        with_retries(context, site.runs),
        changes_lock(settings.home, "housekeeping", wait_seconds=wait),
        writer_lock(settings.home, "upkeep", wait_seconds=wait),
    ):
        now = now_micros()
        done = keep_house(settings.home, site.slot_minutes, site.landing.raw_keep_days, now)
    context.add_output_metadata(asdict(done))


@op(pool=WRITER_POOL)
def trim_tiers(context: OpExecutionContext, settings: ResourceParam[Settings]) -> None:
    """Apply retention: verify, then delete what is older than the site keeps; give the freed space back to the disk."""
    from sensor_platform.retention import apply
    from sensor_platform.warehouse.file.shrink import shrink

    site = settings.site
    now = now_micros()
    with with_retries(context, site.runs):
        done = apply.apply(settings.home, site, site.retention, site.landing.raw_keep_days, now)
        shrunk = shrink(settings.home, site)
    days = [{"table": each.table, "day": str(each.day), "rows": each.rows, "bytes": each.bytes} for each in done.days]
    kept = [{"table": each.table, "day": str(each.day), "why": each.why} for each in done.kept]
    context.add_output_metadata(
        {
            "rows": done.rows,
            "files": done.files,
            "bytes": done.bytes,
            "deleted_days": as_table(days[-_SHOWN:]),
            "kept_days": as_table(kept[-_SHOWN:]),
            "landing_floor": str(done.floor or "unchanged"),
            "warehouse_bytes": shrunk.after,
            "warehouse_bytes_freed": shrunk.before - shrunk.after,
        }
    )


@op(pool=WRITER_POOL)
def finish_forgetting(context: OpExecutionContext, settings: ResourceParam[Settings]) -> None:
    """Finish what a killed `forget` left, and delete again what came back with a restored file."""
    from sensor_platform.alert.history.build_alerts import build_alerts
    from sensor_platform.forget.forget import Forgetter, rules_of
    from sensor_platform.landing.integrity.reland import contracts_of

    home, site = settings.home, settings.site
    pending = [rule for rule in rules_of(home) if rule.pending]
    if pending:
        contracts = contracts_of(site.contracts, site.landing, site.start, site.slot_minutes)

        def build() -> object:
            return build_alerts(home, site.alerts, site.live.engine, now_micros())

        with with_retries(context, site.runs):
            Forgetter(home, site, contracts, now_micros, build).finish()
    context.add_output_metadata({"finished_rules": len(pending)})


@op
def forget_past_alerts(context: OpExecutionContext, settings: ResourceParam[Settings]) -> None:
    """Bound the live store: delete resolved alerts, and messages that nobody accepted, after `alerts_days`."""
    from sensor_platform.alert.past_alerts import Forgotten, forget_past
    from sensor_platform.landing.ledger import read_ledger, retention_clock

    home, days = settings.home, settings.site.retention.alerts_days
    with with_retries(context, settings.site.runs):
        with read_ledger(home) as ledger:
            clock = retention_clock(ledger, now_micros()) if ledger else None
        gone = forget_past(home, clock.today - days * DAY) if clock and days else Forgotten()
    context.add_output_metadata(asdict(gone))


@op
def forget_runs(context: OpExecutionContext, settings: ResourceParam[Settings]) -> None:
    """Bound Dagster's own history: delete runs that later ones have superseded, and old runs of any kind."""
    from sensor_platform.landing.ledger import read_ledger, retention_clock

    runs, now = settings.site.runs, now_micros()
    with read_ledger(settings.home) as ledger:
        clock = retention_clock(ledger, now) if ledger else None
    if clock is not None:  # a jump of the clock makes no run old
        now = min(now, clock.today + DAY)
    at = utc_from_micros(now)
    with with_retries(context, runs):
        gone = forget_superseded_runs(context.instance, at - timedelta(hours=runs.keep_run_hours))
        if runs.keep_other_run_days:
            gone += forget_other_runs(context.instance, at - timedelta(days=runs.keep_other_run_days))
        context.add_output_metadata({"forgotten_runs": gone})


@job(description="Compaction, retention, and the bounds of Dagster's own history.")
def upkeep() -> None:
    """Run five independent steps."""
    compact_landing()
    finish_forgetting()
    trim_tiers()
    forget_past_alerts()
    forget_runs()


upkeep_schedule = ScheduleDefinition(
    name="hourly_upkeep",
    job=upkeep,
    cron_schedule=LOADED.site.runs.upkeep_cron,
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
)
