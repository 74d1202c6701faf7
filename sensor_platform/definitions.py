"""Everything that Dagster sees, as a table of contents."""

from dagster import Definitions, in_process_executor, load_asset_checks_from_modules, load_assets_from_modules

from sensor_platform.orchestration import resources
from sensor_platform.orchestration.asking import backfills, jobs, ledger_sensor, schedules
from sensor_platform.orchestration.assets import alerts, anomalies, forecast, landing, published, readings, supervised
from sensor_platform.orchestration.checks import freshness, proof, quarantine
from sensor_platform.orchestration.running import failures, upkeep

defs = Definitions(
    assets=load_assets_from_modules([landing, readings, forecast, anomalies, supervised, published, alerts]),
    asset_checks=load_asset_checks_from_modules([freshness, proof, quarantine]),
    jobs=[jobs.days_job, jobs.training_job, jobs.scoring_job, jobs.watching_job, upkeep.upkeep, proof.proof_job],
    schedules=[
        ledger_sensor.ledger_fallback,
        schedules.training_schedule,
        schedules.watching_schedule,
        upkeep.upkeep_schedule,
        *proof.SCHEDULES,
    ],
    sensors=[
        ledger_sensor.ledger_sensor,
        freshness.freshness_sensor,
        quarantine.quarantine_sensor,
        backfills.backfill_sensor,
        failures.run_failures,
    ],
    resources={"settings": resources.settings},
    executor=in_process_executor,
)
