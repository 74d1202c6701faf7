"""Dagster's sensors, schedules and runs after a clock that was ahead: nothing waits until that time has come."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Timer
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon import daemon
from dagster._daemon.controller import DagsterDaemonController, get_daemon_statuses
from dagster._daemon.daemon import IntervalDaemon
from dagster._daemon.sensor import get_elapsed
from dagster._daemon.types import DaemonHeartbeat
from dagster._scheduler import scheduler

from sensor_platform.home import Home
from sensor_platform.orchestration.checks.changed_verdicts import changed, remember
from sensor_platform.orchestration.planning.run_planner import Lane, Outcome, PastRun, Rules, decide
from sensor_platform.orchestration.planning.training_planner import wants_training
from sensor_platform.orchestration.sensors.dead_runs import report_dead_runs
from sensor_platform.orchestration.storage import daemon_clock
from sensor_platform.orchestration.storage.instance import prepare
from sensor_platform.predict.reports import TrainingNeed
from sensor_platform.warehouse.dirty import DirtyDay

AHEAD = {"+1 hour": 3600.0, "+10 days": 864_000.0, "+3 years": 1095 * 86_400.0}
ahead = pytest.mark.parametrize("jump", AHEAD)
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
RULES = Rules(retry_after=timedelta(minutes=5), breath=timedelta(seconds=5))


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(str(prepare(Home(tmp_path)))) as made:
        yield made


def origin(name: str) -> RemoteInstigatorOrigin:
    return RemoteInstigatorOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "all"), name)


@ahead
def test_a_sensor_is_due_whose_last_tick_lies_in_the_future(instance: DagsterInstance, jump: str) -> None:
    at = time.time() + AHEAD[jump]
    data = SensorInstigatorData(last_tick_timestamp=at, last_tick_start_timestamp=at, min_interval=30, cursor="kept")
    instance.add_instigator_state(InstigatorState(origin("s"), InstigatorType.SENSOR, InstigatorStatus.RUNNING, data))
    (state,) = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    assert (get_elapsed(state) or 0.0) > 30
    again = instance.get_instigator_state(state.instigator_origin_id, state.selector_id)  # just before the tick
    assert again is not None
    assert (get_elapsed(again) or 0.0) > 30
    assert isinstance(state.instigator_data, SensorInstigatorData)
    assert state.instigator_data.cursor == "kept"


@ahead
def test_a_schedule_goes_on_whose_last_look_and_tick_lie_in_the_future(instance: DagsterInstance, jump: str) -> None:
    now = time.time()
    at = now + AHEAD[jump]
    data = ScheduleInstigatorData("* * * * *", now - 86_400, at)
    state = InstigatorState(origin("t"), InstigatorType.SCHEDULE, InstigatorStatus.RUNNING, data)
    instance.add_instigator_state(state)
    names: dict[str, Any] = {
        "instigator_origin_id": origin("t").get_id(),
        "instigator_name": "t",
        "selector_id": "selector",
    }
    for when in (now - 120, at):
        instance.create_tick(
            TickData(
                **names,
                instigator_type=InstigatorType.SCHEDULE,
                status=TickStatus.SKIPPED,
                timestamp=when,
            )
        )
    (found,) = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
    assert isinstance(found.instigator_data, ScheduleInstigatorData)
    assert (found.instigator_data.start_timestamp, found.instigator_data.cron_schedule) == (now - 86_400, "* * * * *")
    assert (found.instigator_data.last_iteration_timestamp or at) < now
    (newest,) = instance.get_ticks(origin("t").get_id(), "selector", limit=1)
    assert newest.timestamp == pytest.approx(now - 120)


@ahead
def test_the_scheduler_looks_again_although_its_last_look_lies_in_the_future(jump: str) -> None:
    same: Any = SimpleNamespace(cron_schedule="* * * * *")
    now = time.time()
    times = scheduler.ScheduleIterationTimes(same.cron_schedule, now + AHEAD[jump] + 3600, now + AHEAD[jump])
    assert times.should_run_next_iteration(same, now)
    assert not scheduler.ScheduleIterationTimes(same.cron_schedule, now + 30, now).should_run_next_iteration(same, now)


def past(outcome: Outcome, ended: datetime, lane: Lane = Lane.TODAY) -> PastRun:
    return PastRun("r", lane, NOW.date(), NOW.date(), 7, outcome, ended)


@ahead
@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.FAILED])
def test_runs_that_ended_in_the_future_hold_up_no_run(jump: str, outcome: Outcome) -> None:
    ended = NOW + timedelta(seconds=AHEAD[jump])
    dirty = [DirtyDay(NOW.date(), 8, 1, ("readings_clean",))]
    assert len(decide(dirty, [past(outcome, ended)], NOW, RULES)) == 1


@ahead
def test_runs_and_requests_of_the_future_hold_up_no_training(jump: str) -> None:
    then = NOW + timedelta(seconds=AHEAD[jump])
    runs = [past(Outcome.DONE, then, Lane.HISTORY), past(Outcome.FAILED, then, Lane.TRAINING)]
    assert wants_training([TrainingNeed("m", "why", then)], runs, NOW, RULES)


@ahead
def test_verdicts_are_repeated_although_the_last_report_lies_in_the_future(jump: str) -> None:
    verdicts = {"landing": "stale"}
    memory = remember(verdicts, verdicts, None, NOW + timedelta(seconds=AHEAD[jump]))
    assert changed(verdicts, memory, NOW) == {"landing"}


@ahead
def test_a_run_that_started_in_the_future_and_whose_process_is_gone_is_reported(
    instance: DagsterInstance, tmp_path: Path, jump: str
) -> None:
    instance.add_run(DagsterRun(job_name="days", run_id="r", status=DagsterRunStatus.STARTED))
    started = datetime.now(UTC)
    assert report_dead_runs(instance, Home(tmp_path), started - timedelta(seconds=AHEAD[jump])) == ["r"]


class Counting(IntervalDaemon[Any]):
    """Counts its iterations and is told to end after the second."""

    def __init__(self, event: Event) -> None:
        super().__init__(interval_seconds=1)
        self.event, self.iterations = event, 0

    @classmethod
    def daemon_type(cls) -> str:
        return "COUNTING"

    def run_iteration(self, workspace_process_context: Any) -> Any:
        del workspace_process_context
        self.iterations += 1
        if self.iterations == 2:
            self.event.set()
        yield


@ahead
def test_a_daemon_goes_on_and_sends_heartbeats_when_the_clock_is_set_back(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch, jump: str
) -> None:
    event, real, began = Event(), time.time, time.monotonic()
    counting = Counting(event)
    step = [AHEAD[jump]]
    monkeypatch.setattr(time, "time", lambda: real() + step[0])
    monkeypatch.setattr(daemon, "get_current_datetime", lambda: datetime.fromtimestamp(time.time(), UTC))
    context: Any = SimpleNamespace(instance=instance)
    Timer(0.3, lambda: step.__setitem__(0, 0.0)).start()  # the clock is right again
    Timer(8.0, event.set).start()
    counting.run_daemon_loop(context, "one", event, heartbeat_interval_seconds=0, error_interval_seconds=300)
    assert counting.iterations == 2
    assert time.monotonic() - began < 5
    assert instance.get_daemon_heartbeats()["COUNTING"].timestamp == pytest.approx(real(), abs=5)


@ahead
def test_a_heartbeat_of_the_future_does_not_say_that_a_dead_daemon_lives(instance: DagsterInstance, jump: str) -> None:
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() + AHEAD[jump], "SENSOR", "one", []))
    assert "SENSOR" not in instance.get_daemon_heartbeats()
    status = get_daemon_statuses(instance, ["SENSOR"])["SENSOR"]
    assert not status.healthy


def test_a_loop_of_the_daemon_waits_no_longer_than_some_seconds() -> None:
    asked: list[float] = []
    event: Any = SimpleNamespace(wait=asked.append, is_set=lambda: True)
    waits = daemon_clock.ShortWaits(event)
    for seconds in (0.5, 3600.0, None):
        waits.wait(seconds)
    assert asked == [0.5, 20.0, 20.0]
    assert waits.is_set()  # type: ignore[operator]


@ahead
def test_the_workspace_is_looked_at_again_soon_after_the_clock_was_set_back(jump: str) -> None:
    controller: Any = SimpleNamespace()
    assert DagsterDaemonController.check_workspace_freshness(controller, time.time() + AHEAD[jump]) <= time.time()
