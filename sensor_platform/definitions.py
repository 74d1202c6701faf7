"""Everything that Dagster sees, as a table of contents."""

from dagster import Definitions, in_process_executor, load_asset_checks_from_modules, load_assets_from_modules

from sensor_platform.orchestration import jobs, resources, schedules, upkeep
from sensor_platform.orchestration.assets import alerts, anomalies, forecast, landing, published, readings, supervised
from sensor_platform.orchestration.checks import freshness, integrity, quarantine_rate, site_files
from sensor_platform.orchestration.sensors import backfills, ledger_sensor, run_failures

defs = Definitions(
    assets=load_assets_from_modules([landing, readings, forecast, anomalies, supervised, published, alerts]),
    asset_checks=load_asset_checks_from_modules([freshness, integrity, quarantine_rate, site_files]),
    jobs=[jobs.days_job, jobs.training_job, jobs.scoring_job, jobs.watching_job, upkeep.upkeep, integrity.proof_job],
    schedules=[
        ledger_sensor.ledger_fallback,
        schedules.training_schedule,
        schedules.watching_schedule,
        upkeep.upkeep_schedule,
        *integrity.SCHEDULES,
    ],
    sensors=[
        ledger_sensor.ledger_sensor,
        freshness.freshness_sensor,
        quarantine_rate.quarantine_sensor,
        site_files.site_files_sensor,
        backfills.backfill_sensor,
        run_failures.run_failures,
    ],
    resources={"settings": resources.settings},
    executor=in_process_executor,
)
