"""What a broken invariant, a damaged file, a wrong site and a kill do to a run."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterExecutionInterruptedError,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    EventLogEntry,
    ExecuteInProcessResult,
    OpExecutionContext,
    in_process_executor,
    job,
    op,
)
from dagster._core.events import EngineEventData

from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.orchestration.assets import readings
from sensor_platform.orchestration.launcher.liveness_lock import alive, is_alive
from sensor_platform.orchestration.partitions import LANE_TAG, POSITION_TAG
from sensor_platform.orchestration.retry_policy import with_retries
from sensor_platform.orchestration.sensors.dead_runs import report_dead_runs
from sensor_platform.site import Runs
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.build_report import BuildReport
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.lineage import dbt_tables
from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

DAY = TODAY - timedelta(days=3)


def made(result: ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key}


def failed_checks(result: ExecuteInProcessResult) -> set[str]:
    return {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}


def harm(platform: Platform, *, has_archive: bool) -> None:
    """Flip a bit of the only landing file, with its raw archive or without."""
    (path,) = platform.home.landing.glob("*/*.parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for archived in () if has_archive else platform.home.raw.glob("*/*.zst"):
        archived.unlink()


def test_a_changed_landing_file_without_archive_stops_the_run_before_any_table(platform: Platform) -> None:
    platform.arrive(("d1", at(DAY, 10), 1.0))
    harm(platform, has_archive=False)
    result = platform.run(DAY)
    assert not result.success
    assert failed_checks(result) == {"landing_files"}
    assert made(result) == {"landing"}


def test_a_changed_landing_file_is_made_again_from_the_archive_within_the_run(platform: Platform) -> None:
    platform.arrive(("d1", at(DAY, 10), 1.0))
    harm(platform, has_archive=True)
    result = platform.run(DAY)
    assert result.success
    assert "landing_files" in failed_checks(result), "it is said, and does not block"
    assert platform.analysts("select count(*), sum(value) from readings_clean") == [(1, 1.0)]


def test_a_missing_landing_file_stops_the_run(platform: Platform) -> None:
    platform.arrive(("d1", at(DAY, 10), 1.0))
    harm(platform, has_archive=False)
    for path in platform.home.landing.glob("*/*.parquet"):
        path.unlink()
    result = platform.run(DAY)
    assert failed_checks(result) == {"landing_files"}


def test_a_broken_invariant_blocks_everything_after_it(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.arrive(("d1", at(DAY, 10), 1.0))
    broken = "readings_1h_sum"
    after = tuple(name for name, table in dbt_tables().items() if "readings_1h" in table.parents)

    def breaking(*arguments: Any, **more: Any) -> BuildReport:
        report = build(*arguments, **more)
        found = replace(report.tests[broken], status="fail", failures=7)
        return replace(report, tests=report.tests | {broken: found}, failed=(broken, *after))

    monkeypatch.setattr(readings, "build", breaking)
    result = platform.run(DAY)
    assert not result.success
    assert failed_checks(result) == {broken}
    assert made(result) == {"landing", *dbt_tables()} - {*after}
    assert "blocking asset check failed" in step_error(result, "readings")


def test_a_bad_reading_blocks_nothing(platform: Platform) -> None:
    platform.arrive(("d1", at(DAY, 10), 1e300), ("d1", at(DAY, 11), -1e300))
    assert platform.run(DAY).success


def test_a_model_that_could_not_be_built_fails_the_run(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.arrive(("d1", at(DAY, 10), 1.0))

    def failing(*arguments: Any, **more: Any) -> BuildReport:
        return replace(build(*arguments, **more), failed=("readings_1d", "device_status"))

    monkeypatch.setattr(readings, "build", failing)
    result = platform.run(DAY)
    assert not result.success
    assert made(result).isdisjoint({"readings_1d", "device_status", "features", "published"})
    assert "dbt did not build readings_1d, device_status" in step_error(result, "readings")


def step_error(result: ExecuteInProcessResult, step: str) -> str:
    found = result.failure_data_for_node(step)
    assert found is not None
    return str(found.error) + str(found.user_failure_data)


KILLED = """
import os, signal, sys
import {module} as module
def kill(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
module.{function} = kill
from dagster import DagsterInstance
from sensor_platform_tests.orchestration.platforms import Platform
from sensor_platform.settings import load_settings
from datetime import date
with DagsterInstance.ephemeral() as instance:
    Platform(load_settings(), instance).run(date.fromisoformat(sys.argv[1]), tags={{"sensor_platform/position": "1"}})
"""


@pytest.mark.parametrize(
    ("module", "function"),
    [
        pytest.param("sensor_platform.predict.features.build_features", "build_features", marks=pytest.mark.soak),
        ("sensor_platform.orchestration.assets.published", "publish"),
    ],
    ids=["before_features", "before_publish"],
)
def test_a_killed_run_heals_on_the_next(platform: Platform, module: str, function: str) -> None:
    platform.arrive(*[("d1", at(DAY, hour), float(hour)) for hour in range(24)])
    script = KILLED.format(module=module, function=function)
    environ = os.environ | {"SENSOR_PLATFORM_HOME": str(platform.home.root), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", script, str(DAY)], env=environ, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert dirty_days(platform.home, platform.settings.site), "what the run left undone is still dirty"
    for day in [one.day for one in dirty_days(platform.home, platform.settings.site)]:
        assert platform.run(day, tags={POSITION_TAG: "1"}).success
    assert dirty_days(platform.home, platform.settings.site) == ()
    assert platform.analysts("select count(*), sum(value) from readings_clean") == [(24, 276.0)]


def test_a_run_without_a_process_is_reported_and_frees_its_lane(tmp_path: Path) -> None:
    home, later = Home(tmp_path), datetime.now(UTC) + timedelta(minutes=2)
    with DagsterInstance.ephemeral() as instance:
        for name in ("lives", "died"):
            instance.add_run(DagsterRun(job_name="days", run_id=name, status=DagsterRunStatus.STARTED))
        with alive(home, "lives"):
            assert is_alive(home, "lives")
            assert report_dead_runs(instance, home, datetime.now(UTC)) == [], "a run may still be starting"
            assert report_dead_runs(instance, home, later) == ["died"]
        assert instance.get_run_by_id("died").status is DagsterRunStatus.FAILURE  # type: ignore[union-attr]
        assert not is_alive(home, "lives")


def test_a_run_that_ends_while_it_is_looked_at_is_not_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was listed as started, gives its lock back, and writes its success."""
    home, later = Home(tmp_path), datetime.now(UTC) + timedelta(minutes=2)
    with DagsterInstance.ephemeral() as instance:
        instance.add_run(DagsterRun(job_name="days", run_id="ends", status=DagsterRunStatus.STARTED))
        listed = instance.get_run_records

        def then_it_ends(*arguments: Any) -> Any:
            found = listed(*arguments)
            event = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, "days", message="done")
            instance.handle_new_event(_entry(event, "ends", later))
            return found

        monkeypatch.setattr(instance, "get_run_records", then_it_ends)
        assert report_dead_runs(instance, home, later) == []
        assert instance.get_run_by_id("ends").status is DagsterRunStatus.SUCCESS  # type: ignore[union-attr]


def test_a_run_whose_work_is_done_has_a_minute_to_write_its_end_unless_it_was_killed(tmp_path: Path) -> None:
    home, later = Home(tmp_path), datetime.now(UTC) + timedelta(minutes=2)
    with DagsterInstance.ephemeral() as instance:
        for name in ("done", "killed"):
            instance.add_run(DagsterRun(job_name="days", run_id=name, status=DagsterRunStatus.STARTED))
            event = DagsterEvent(
                DagsterEventType.ENGINE_EVENT.value, "days", message="steps done", event_specific_data=EngineEventData()
            )
            instance.handle_new_event(_entry(event, name, later))
        (home.dagster / "alive").mkdir(parents=True)
        (home.dagster / "alive" / "killed").touch()
        assert report_dead_runs(instance, home, later + timedelta(seconds=1)) == ["killed"]
        assert report_dead_runs(instance, home, later + timedelta(seconds=61)) == ["done"]


def _entry(event: DagsterEvent, run_id: str, at: datetime) -> EventLogEntry:
    return EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        level="info",
        user_message=event.message or "",
        run_id=run_id,
        timestamp=at.timestamp(),
        job_name="days",
        dagster_event=event,
    )


def tries(error: BaseException, runs: Runs, tags: dict[str, str] | None = None) -> tuple[int, ExecuteInProcessResult]:
    """How often a step runs that fails with `error` each time, and what came of it."""
    count = []

    @op
    def failing(context: OpExecutionContext) -> None:
        count.append(1)
        with with_retries(context, runs):
            raise error

    @job(executor_def=in_process_executor)
    def always() -> None:
        failing()

    result = always.execute_in_process(raise_on_error=False, tags=tags or {})
    assert not result.success
    return len(count), result


def test_a_wrong_site_is_not_tried_again_and_shows_its_hint() -> None:
    count, result = tries(WrongUse("no metric PM", "name one of forecast.metrics"), Runs(retry_after_seconds=0))
    assert count == 1
    assert "hint: name one of forecast.metrics" in step_error(result, "failing")


@pytest.mark.parametrize("error", [Unreachable("locked", "wait"), OSError("disk full")])
@pytest.mark.parametrize("retries", [0, 1, 2])
def test_what_may_pass_is_tried_again(error: Exception, retries: int) -> None:
    assert tries(error, Runs(retries=retries, retry_after_seconds=0))[0] == 1 + retries


def test_a_step_waits_before_it_is_tried_again() -> None:
    _, result = tries(OSError(), Runs(retries=1, retry_after_seconds=1))
    (retry,) = [event for event in result.all_events if event.is_step_up_for_retry]
    assert retry.step_retry_data.seconds_to_wait == 1


def test_the_sensors_runs_fail_at_once_because_the_sensor_asks_again() -> None:
    assert tries(OSError("disk full"), Runs(), {LANE_TAG: "today"})[0] == 1


def test_a_cancelled_step_is_not_tried_again() -> None:
    assert tries(DagsterExecutionInterruptedError(), Runs(retry_after_seconds=0))[0] == 1
