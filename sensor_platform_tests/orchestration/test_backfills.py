"""A backfill is planned from the ledger, asked for one run at a time, newest first; cancelled, it asks no more."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRequest, SkipReason, build_sensor_context
from dagster._core.run_coordinator import QueuedRunCoordinator

from sensor_platform.cli.main import cli
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.orchestration.jobs import DAYS_JOB
from sensor_platform.orchestration.planning.backfill_plan import plan
from sensor_platform.orchestration.planning.run_planner import Outcome
from sensor_platform.orchestration.sensors.backfills import (
    Backfill,
    BackfillRun,
    ask,
    backfill_sensor,
    backfills,
    cancel,
    find,
    progress_of,
    runs_of,
)
from sensor_platform.orchestration.storage.instance import prepare
from sensor_platform.warehouse.staleness.costs import Cost, estimate, history, record
from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

DAYS = [TODAY - timedelta(days=age) for age in (9, 8, 5)]
RANGES = tuple((day, day) for day in DAYS)
FIRST = Backfill(id="b", asked_at=datetime(2026, 1, 1, tzinfo=UTC), ranges=RANGES)


@pytest.mark.parametrize(
    ("outcomes", "retries", "state", "following"),
    [
        pytest.param([], 1, "waiting", 0, id="not begun"),
        pytest.param([(0, Outcome.WAITING)], 1, "running", None, id="one at a time"),
        pytest.param([(0, Outcome.DONE)], 1, "waiting", 1, id="the next"),
        pytest.param([(0, Outcome.FAILED)], 1, "waiting", 0, id="once more"),
        pytest.param([(0, Outcome.FAILED), (0, Outcome.FAILED)], 1, "failed", None, id="given up"),
        pytest.param([(n, Outcome.DONE) for n in range(3)], 1, "done", None, id="done"),
    ],
)
def test_what_comes_next(outcomes: list[tuple[int, Outcome]], retries: int, state: str, following: int | None) -> None:
    found = progress_of(FIRST, [BackfillRun("r", RANGES[number], outcome) for number, outcome in outcomes], retries)
    assert found.state == state
    assert found.following == (None if following is None else RANGES[following])


def tick(platform: Platform) -> Sequence[RunRequest]:
    asked = backfill_sensor(build_sensor_context(instance=platform.instance, resources={"settings": platform.settings}))
    return [] if isinstance(asked, SkipReason) else list(asked)  # type: ignore[arg-type]


def test_planned_asked_for_newest_first_and_done(platform: Platform) -> None:
    for day in DAYS:
        platform.arrive(("d1", at(day, 10), 1.0), ("d1", at(day, 11), 2.0))
    found = plan(platform.home, (DAYS[0], DAYS[-1]), days_per_run=2)
    assert (found.days, found.hours, found.readings, found.refused) == (3, 6, 6, 0)
    assert found.bytes > 0
    assert found.runs == ((DAYS[2], DAYS[2]), (DAYS[0], DAYS[1]))
    backfill = ask(platform.home, found.runs, (), found.seconds)
    spans = []
    while asked := tick(platform):
        (one,) = asked
        assert one.job_name == DAYS_JOB
        spans.append(one.tags["dagster/asset_partition_range_start"])
        assert platform.execute(DAYS_JOB, dict(one.tags)).success
    assert spans == [str(DAYS[2]), str(DAYS[0])]
    tries = runs_of(platform.instance, backfill)
    assert [one.outcome for one in tries] == [Outcome.DONE, Outcome.DONE]
    assert platform.analysts("select count(*) from readings_clean") == [(6,)]
    assert history(platform.home), "builds are on record"


def test_only_the_chosen_tables_are_asked_for(platform: Platform) -> None:
    platform.arrive(("d1", at(DAYS[0], 10), 1.0))
    ask(platform.home, [(DAYS[0], DAYS[0])], ("readings_1h",), 1.0)
    (one,) = tick(platform)
    assert [key.to_user_string() for key in one.asset_selection or ()] == ["readings_1h"]


def test_the_commands_plan_cancel_and_resume(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(platform.home.root))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)
    for day in DAYS:
        platform.arrive(("d1", at(day, 10), 1.0))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["backfill", *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    shown = run("plan", "--from", str(DAYS[0]))
    assert "3 days, 3 hours, 3 readings" in shown
    assert f"run {DAYS[0]}..{DAYS[2]}" in shown
    assert "1 run, about" in run("run", "--no-wait")
    assert "waiting, 0 of 1 run done" in run("status")
    assert len(tick(platform)) == 1
    assert "is cancelled" in run("cancel")
    assert tick(platform) == []
    assert "cancelled" in run("status")
    assert "goes on" in run("resume", "--no-wait")
    (request,) = tick(platform)
    with DagsterInstance.from_config(str(platform.home.dagster)) as instance:
        done = DagsterRun(job_name=DAYS_JOB, run_id="r1", status=DagsterRunStatus.SUCCESS, tags=dict(request.tags))
        instance.add_run(done)
    assert "nothing to cancel" in run("cancel")
    assert "done, 1 of 1 run done" in run("status")


def test_a_run_in_flight_is_cancelled_with_it(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.arrive(("d1", at(DAYS[0], 10), 1.0))
    prepare(platform.home)
    backfill = ask(platform.home, [(DAYS[0], DAYS[0])], (), 1.0)
    (request,) = tick(platform)
    ended: list[str] = []
    monkeypatch.setattr(QueuedRunCoordinator, "cancel_run", lambda _, run_id: ended.append(run_id))
    with DagsterInstance.from_config(str(platform.home.dagster)) as instance:
        waiting = DagsterRun(job_name=DAYS_JOB, run_id="r1", status=DagsterRunStatus.STARTED, tags=dict(request.tags))
        instance.add_run(waiting)
        instance.add_run(DagsterRun(job_name=DAYS_JOB, run_id="other", status=DagsterRunStatus.STARTED))
    assert cancel(platform.home, backfill) == ["r1"]
    assert ended == ["r1"]
    assert backfills(platform.home)[0].is_cancelled


def test_nothing_to_do_is_said(platform: Platform) -> None:
    with pytest.raises(WrongUse, match="no reading"):
        ask(platform.home, [], (), 0.0)
    assert backfills(platform.home) == []


def test_the_estimate_follows_what_was_recorded(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.warehouse.mkdir()
    for readings, seconds in ((10, 2.0), (20, 4.0), (1_000_000, 13.0)):
        record(home, Cost(at=0, readings=readings, windows=1, seconds=seconds))
    with (home.warehouse / "builds.jsonl").open("a") as file:
        file.write('{"torn')
    known = history(home)
    assert len(known) == 3
    assert estimate(known, 2_000_000, 1) == pytest.approx(3 + 20)
    assert estimate([], 0, 2) > 0


def test_where_there_is_no_backfill_the_hint_says_how_to_begin_one(tmp_path: Path) -> None:
    with pytest.raises(WrongUse) as error:
        find(Home(tmp_path), None)
    assert "backfill run" in error.value.hint
