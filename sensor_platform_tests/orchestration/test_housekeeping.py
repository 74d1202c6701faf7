"""Verifying landing files, forgetting runs, upkeep, files about failures, and the status command."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, build_run_status_sensor_context
from dagster._core.events import DagsterEvent, DagsterEventType
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.cli.status import status
from sensor_platform.home import Home
from sensor_platform.landing.integrity.day_files import verify_days
from sensor_platform.orchestration.partitions import POSITION_TAG, RANGE_END_TAG, RANGE_START_TAG
from sensor_platform.orchestration.planning.run_planner import Lane, Outcome, PastRun
from sensor_platform.orchestration.sensors.run_failures import run_failures
from sensor_platform.orchestration.storage.instance import SHIPPED, last_runs, prepare
from sensor_platform.orchestration.storage.past_runs import forget_superseded_runs, superseded
from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

DAY = TODAY - timedelta(days=3)
SLOT = timedelta(minutes=10)


def test_a_second_look_checks_new_files_only(platform: Platform) -> None:
    platform.arrive(("d1", at(DAY, 10), 1.0))
    assert platform.run(DAY, tags={POSITION_TAG: "1"}).success
    platform.arrive(("d2", at(DAY, 10), 1.0), ("d3", at(DAY, 9), 1.0), received_at=at(DAY, 10, 5))
    new = verify_days(platform.home, (DAY, DAY), is_whole=False, slot=SLOT)
    assert (new.checked_files, new.checked_rows, new.devices, new.late_rows) == (1, 2, 2, 1)
    assert new.rows == 3
    assert new.newest_event_at == at(DAY, 10)
    assert verify_days(platform.home, (DAY, DAY), is_whole=True, slot=SLOT).checked_files == 2


def test_files_of_other_days_are_not_checked(platform: Platform) -> None:
    platform.arrive(("d1", at(DAY, 23, 59, 59), 1.0))
    platform.arrive(("d1", at(DAY + timedelta(days=1)), 1.0))
    found = verify_days(platform.home, (DAY, DAY), is_whole=True, slot=SLOT)
    assert (found.checked_files, [one.day for one in found.days]) == (1, [DAY])


def test_a_file_cut_short_is_damage(platform: Platform) -> None:
    platform.arrive(("d1", at(DAY, 10), 1.0))
    (path,) = platform.home.landing.glob("*/*.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    (damage,) = verify_days(platform.home, (DAY, DAY), is_whole=True, slot=SLOT).damage
    assert damage.file == str(path.relative_to(platform.home.root))
    assert "bytes" in damage.what


def test_an_empty_home_has_nothing_to_verify(tmp_path: Path) -> None:
    assert verify_days(Home(tmp_path), (DAY, DAY), is_whole=True, slot=SLOT).rows == 0


def seen(first: int, last: int, outcome: Outcome = Outcome.DONE, lane: Lane | None = Lane.TODAY) -> PastRun:
    days = date(2026, 1, 1) + timedelta(days=first), date(2026, 1, 1) + timedelta(days=last)
    return PastRun(f"{first}-{last}", lane, *days, 1, outcome, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("runs", "gone"),
    [
        pytest.param([seen(0, 0), seen(0, 0)], [1], id="a newer run of the same day"),
        pytest.param([seen(0, 0), seen(0, 1)], [], id="one day of it is the newest still"),
        pytest.param([seen(0, 0), seen(1, 1), seen(0, 1)], [2], id="two newer runs together"),
        pytest.param([seen(0, 0, Outcome.FAILED), seen(0, 0)], [0], id="a failure replaces nothing"),
        pytest.param([seen(0, 0), seen(0, 0, Outcome.WAITING)], [], id="in flight"),
        pytest.param([seen(0, 0), seen(0, 0, lane=None)], [], id="a person's run"),
        pytest.param([seen(0, 0, lane=Lane.TRAINING), seen(0, 0)], [], id="a training replaces no day"),
    ],
)
def test_what_is_superseded(runs: list[PastRun], gone: list[int]) -> None:
    assert list(superseded(runs)) == [runs[number] for number in gone]


_runs = st.builds(
    lambda first, length, outcome, lane: seen(first, first + length, outcome, lane),
    st.integers(0, 6),
    st.integers(0, 3),
    st.sampled_from(Outcome),
    st.sampled_from([Lane.TODAY, Lane.HISTORY]),
)


@given(st.lists(_runs, max_size=15))
def test_every_day_that_was_materialised_keeps_its_newest_run(runs: list[PastRun]) -> None:
    gone = {id(run) for run in superseded(runs)}
    for offset in range(10):
        day = date(2026, 1, 1) + timedelta(days=offset)
        newest = next((run for run in runs if run.outcome is Outcome.DONE and run.covers(day)), None)
        assert newest is None or id(newest) not in gone


def test_superseded_runs_leave_the_instance_and_the_day_stays_materialised(platform: Platform) -> None:
    platform.arrive(("d1", at(DAY, 10), 1.0))
    lane = {"sensor_platform/lane": "history", POSITION_TAG: "1"}
    first, second = (platform.run(DAY, tags=lane) for _ in range(2))
    assert first.success
    assert second.success
    assert forget_superseded_runs(platform.instance, datetime.now(UTC) - timedelta(hours=1)) == 0, "they are young"
    assert forget_superseded_runs(platform.instance, datetime.now(UTC) + timedelta(hours=1)) == 1
    assert [run.run_id for run in platform.instance.get_runs()] == [second.run_id]
    assert platform.instance.get_materialized_partitions(AssetKey("landing")) == {str(DAY)}


def test_upkeep_compacts_closed_hours_and_no_table_changes(platform: Platform) -> None:
    day = TODAY - timedelta(days=1)
    for minute in range(4):
        platform.arrive(("d1", at(day, 10, minute), float(minute)))
    assert platform.run(day).success
    assert platform.execute("upkeep", {}).success
    assert len(list(platform.home.landing.glob("*/compact-*.parquet"))) == 1
    assert platform.run(day).success
    assert platform.analysts("select count(*), sum(value) from readings_clean") == [(4, 6.0)]


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


def test_status_says_how_far_everything_is(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(platform.home.root))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)
    platform.arrive(("d1", at(DAY, 10), 1.0), ("d2", at(DAY, 11), 1.0))
    found = json.loads(CliRunner().invoke(status, ["--json"], catch_exceptions=False).stdout)
    assert found["ledger"]["position"] == 1
    assert found["ledger"]["readings"] == 2
    assert str(DAY) in found["dirty"]["days"]
    assert found["dirty"]["windows"] > 0
    assert found["collector"] is None
    assert found["layers"]["landing"]["newest_event_at"] == at(DAY, 11).isoformat()
    assert found["layers"]["readings_clean"]["newest_event_at"] is None
    assert found["quarantine"] == {"messages": 0, "readings": 0}
    assert found["backlog"] == {"segments": 0, "bytes": 0}
    shown = CliRunner().invoke(status, [], catch_exceptions=False).stdout
    assert "position 1, 2 readings" in shown
    assert msgspec.json.encode(found)


def test_status_calls_predictions_neither_fresh_nor_late_where_there_are_none(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(platform.home.root))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)
    moment = datetime.now(UTC) - timedelta(minutes=1)
    platform.arrive(("d1", moment, 1.0))
    assert platform.run(moment.date(), tags={POSITION_TAG: "1"}).success
    layers = json.loads(CliRunner().invoke(status, ["--json"], catch_exceptions=False).stdout)["layers"]
    assert layers["readings_1h"]["verdict"] == "fresh"
    assert layers["predictions"] == {"newest_event_at": None, "age_minutes": None, "verdict": "none"}


def test_status_of_an_empty_home_creates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)
    result = CliRunner().invoke(status, ["--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["ledger"] is None
    assert not (tmp_path / "home").exists()
