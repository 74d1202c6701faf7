"""Records failed runs for the live process, which notifies people. Recording one twice changes nothing."""

from dagster import DefaultSensorStatus, ResourceParam, RunFailureSensorContext, run_failure_sensor

from sensor_platform.alert.failed_runs import FailedRun, note_failed_run
from sensor_platform.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from sensor_platform.settings import Settings


@run_failure_sensor(
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
    description="Records failed runs, so that the live process notifies people.",
)
def run_failures(context: RunFailureSensorContext, settings: ResourceParam[Settings]) -> None:
    """Record the run, its days and its error."""
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
