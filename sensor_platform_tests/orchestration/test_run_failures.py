"""Failed runs leave a file for the live process."""

import json
from datetime import timedelta

from dagster import DagsterRun, DagsterRunStatus, build_run_status_sensor_context
from dagster._core.events import DagsterEvent, DagsterEventType

from sensor_platform.orchestration.partitions import RANGE_START_TAG
from sensor_platform.orchestration.sensors.run_failures import run_failures
from sensor_platform_tests.orchestration.platforms import TODAY, Platform

DAY = TODAY - timedelta(days=3)


def test_a_failed_run_leaves_a_file_with_the_reason(platform: Platform) -> None:
    run = platform.instance.add_run(
        DagsterRun(job_name="days", run_id="r1", status=DagsterRunStatus.STARTED, tags={RANGE_START_TAG: str(DAY)})
    )
    event = DagsterEvent(DagsterEventType.RUN_FAILURE.value, job_name="days", message="the disk is full")
    context = build_run_status_sensor_context(
        sensor_name="run_failures",
        dagster_event=event,
        dagster_instance=platform.instance,
        dagster_run=run,
        resources={"settings": platform.settings},
    ).for_run_failure()
    for _ in range(2):
        run_failures(context)
    (path,) = (platform.home.dagster / "failures").glob("*")
    written = json.loads(path.read_bytes())
    assert (written["run_id"], written["first_day"], written["error"]) == ("r1", str(DAY), "the disk is full")
