"""`backfill run` as a person uses it: against a real daemon, which may be killed and started again meanwhile."""

import signal
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from sensor_platform.home import Home
from sensor_platform.orchestration.partitions import RANGE_START_TAG
from sensor_platform.orchestration.planning.run_planner import Outcome
from sensor_platform.orchestration.sensors.backfills import BACKFILL_TAG, backfills, runs_of
from sensor_platform.orchestration.storage.instance import prepare
from sensor_platform_tests.orchestration.dagster_daemon import environ, running
from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at
from sensor_platform_tests.running import COMMAND, wait_until

DAYS = [TODAY - timedelta(days=age) for age in range(9, 3, -1)]


def backfill(home: Home, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, "backfill", *arguments]
    return subprocess.run(command, env=environ(home), capture_output=True, text=True, timeout=300, check=False)


def states(home: Home) -> dict[str, list[Outcome]]:
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        return {one.id: [run.outcome for run in runs_of(instance, one)] for one in backfills(home)}


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_backfill_run_ends_with_a_daemon_that_runs_and_goes_on_with_one_that_was_killed(platform: Platform) -> None:
    home = platform.home
    for day in DAYS:
        platform.arrive(("d1", at(day, 10), 1.0), ("d1", at(day, 11), 2.0))
    with running(home, signal.SIGKILL):
        done = backfill(home, "run", "--days-per-run", "2")
        assert done.returncode == 0, done.stderr + (home.root / "dagster.log").read_text()[-3000:]
        assert "3 of 3 runs done" in done.stderr
        with DagsterInstance.from_config(str(home.dagster)) as instance:
            found = instance.get_runs(RunsFilter(tags={BACKFILL_TAG: backfills(home)[0].id}))
        assert [run.status for run in found] == [DagsterRunStatus.SUCCESS] * 3
        starts = [run.tags[RANGE_START_TAG] for run in reversed(found)]
        assert starts == [str(DAYS[4]), str(DAYS[2]), str(DAYS[0])], "newest first"
        assert platform.analysts("select count(*), sum(n) from readings_1h") == [(12, 12)]
        assert backfill(home, "run", "--days-per-run", "3", "--no-wait").returncode == 0
        wait_until(lambda: bool(next(iter(states(home).values()))), "the first run of the second backfill", 120)
    assert "2 of 2" not in backfill(home, "status").stdout, "the daemon was killed while it was in flight"
    with running(home):
        wait_until(lambda: "2 of 2 runs done" in backfill(home, "status").stdout, "the rest of it", 240)
    assert platform.analysts("select count(*), sum(n) from readings_1h") == [(12, 12)]


def test_a_prepared_home_has_dagsters_storage_already(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    prepare(home)
    made = {path.name for path in home.dagster.rglob("*.db")}
    assert {"runs.db", "index.db"} <= made, "or the first two processes would make it at once"
