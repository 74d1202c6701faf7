"""Every failed run is noted for the live process, which tells people. Reporting one twice changes nothing."""

from dagster import DefaultSensorStatus, ResourceParam, RunFailureSensorContext, run_failure_sensor

from sensor_platform.alert.failed_runs import FailedRun, note_failed_run
from sensor_platform.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from sensor_platform.settings import Settings


@run_failure_sensor(
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
    description="Notes failed runs, so that the live process tells people.",
)
def run_failures(context: RunFailureSensorContext, settings: ResourceParam[Settings]) -> None:
    """Note what failed, and why, in one line."""
    tags = context.dagster_run.tags
    failed = FailedRun(
        run_id=context.dagster_run.run_id,
        job=context.dagster_run.job_name,
        first_day=tags.get(RANGE_START_TAG),
        last_day=tags.get(RANGE_END_TAG),
        error=context.failure_event.message or "",
    )
    context.log.error("run %s of %s failed: %s", failed.run_id, failed.job, failed.error)
    note_failed_run(settings.home, failed)
