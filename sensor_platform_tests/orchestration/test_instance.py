"""Dagster's folder in the home: the shipped dagster.yaml and the last runs."""

from datetime import timedelta
from pathlib import Path

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from sensor_platform.home import Home
from sensor_platform.orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from sensor_platform.orchestration.storage.instance import SHIPPED, last_runs, prepare
from sensor_platform_tests.orchestration.platforms import TODAY

DAY = TODAY - timedelta(days=3)


def test_the_shipped_instance_is_put_where_there_is_none_and_never_replaced(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert (prepare(home) / "dagster.yaml").read_bytes() == SHIPPED.read_bytes()
    (home.dagster / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    prepare(home)
    assert (home.dagster / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"


def test_last_runs_are_read_from_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert last_runs(home, 5) == ()
    with DagsterInstance.from_config(str(prepare(home))) as instance:
        tags = {RANGE_START_TAG: "2026-01-01", RANGE_END_TAG: "2026-01-02"}
        instance.add_run(DagsterRun(job_name="days", run_id="r", status=DagsterRunStatus.STARTED, tags=tags))
    (line,) = last_runs(home, 5)
    assert (line.job, line.status, line.first_day, line.last_day) == ("days", "STARTED", "2026-01-01", "2026-01-02")
