"""Every failed run leaves a file for whoever notifies people. One file per run: reporting one twice changes nothing."""

import msgspec
from dagster import DefaultSensorStatus, ResourceParam, RunFailureSensorContext, run_failure_sensor

from sensor_platform.durable import write_file
from sensor_platform.home import Home
from sensor_platform.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from sensor_platform.settings import Settings

_KEPT = 1000


class FailedRun(msgspec.Struct, frozen=True, kw_only=True):
    """`dagster/failures/<run id>.json`."""

    run_id: str
    job: str
    first_day: str | None
    last_day: str | None
    error: str


@run_failure_sensor(
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=15,
    description="Writes failed runs to dagster/failures/.",
)
def run_failures(context: RunFailureSensorContext, settings: ResourceParam[Settings]) -> None:
    """Write what failed, and why, in one line."""
    tags = context.dagster_run.tags
    failed = FailedRun(
        run_id=context.dagster_run.run_id,
        job=context.dagster_run.job_name,
        first_day=tags.get(RANGE_START_TAG),
        last_day=tags.get(RANGE_END_TAG),
        error=context.failure_event.message or "",
    )
    context.log.error("run %s of %s failed: %s", failed.run_id, failed.job, failed.error)
    keep(settings.home, failed)


def keep(home: Home, failed: FailedRun) -> None:
    """Write the file, and drop the oldest beyond the newest thousand."""
    folder = home.dagster / "failures"
    write_file(folder / f"{failed.run_id}.json", msgspec.json.encode(failed))
    oldest_first = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in oldest_first[:-_KEPT]:
        path.unlink(missing_ok=True)
