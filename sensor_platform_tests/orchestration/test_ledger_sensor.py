"""The sensor on a real ledger and a real instance: it asks exactly for what is dirty, and stops when all is clean."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunRequest,
    SkipReason,
    build_schedule_context,
    build_sensor_context,
)
from dagster._core.events import DagsterEvent, DagsterEventType

from sensor_platform.home import Home
from sensor_platform.orchestration.jobs import DAYS_JOB, TRAINING_JOB
from sensor_platform.orchestration.partitions import DAYS, LANE_TAG, POSITION_TAG, RANGE_END_TAG, RANGE_START_TAG
from sensor_platform.orchestration.planning.run_planner import Lane, Outcome
from sensor_platform.orchestration.planning.training_planner import Trained
from sensor_platform.orchestration.sensors import ledger_sensor as module
from sensor_platform.orchestration.sensors.ledger_sensor import ledger_fallback, ledger_sensor
from sensor_platform.orchestration.storage.run_history import read_past_runs
from sensor_platform.site import Site
from sensor_platform.warehouse.dirty import DirtyDay, dirty_days
from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

OLD = TODAY - timedelta(days=20)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.3)


def tick(platform: Platform) -> Sequence[RunRequest]:
    context = build_sensor_context(instance=platform.instance, resources={"settings": platform.settings})
    asked = ledger_sensor(context)
    if isinstance(asked, SkipReason):
        return []
    assert isinstance(asked, list)
    return asked


def spans(asked: Sequence[RunRequest]) -> list[tuple[str | None, str, str, str]]:
    return [(ask.job_name, ask.tags[LANE_TAG], ask.tags[RANGE_START_TAG], ask.tags[RANGE_END_TAG]) for ask in asked]


def execute(platform: Platform, ask: RunRequest) -> bool:
    return platform.execute(DAYS_JOB, dict(ask.tags)).success


def test_it_asks_for_what_is_dirty_and_stops_when_all_is_clean(platform: Platform) -> None:
    assert tick(platform) == [], "an empty home has nothing to do"
    platform.arrive(("d1", at(OLD, 10), 1.0), ("d1", at(OLD + timedelta(days=1), 10), 1.0), ("d1", at(TODAY), 2.0))
    asked = tick(platform)
    assert [span[:2] for span in spans(asked)] == [(DAYS_JOB, "today"), (DAYS_JOB, "history")]
    assert spans(asked)[0][2:] == (str(TODAY), str(TODAY))
    assert spans(asked)[1][2] == str(OLD)
    assert all(ask.partition_key is None and ask.tags[POSITION_TAG] == "1" for ask in asked)
    for _ in range(4):  # history may come in more than one range, because features reach a week ahead
        for ask in tick(platform):
            assert execute(platform, ask)
    assert tick(platform) == [], "everything is clean"
    platform.arrive(("d1", at(OLD, 11), 3.0))
    # anomalies of today look back 35 days: whether today is asked for too depends on the pause between its runs
    again = [ask for ask in tick(platform) if ask.tags[RANGE_START_TAG] == str(OLD)]
    assert again[0].tags[POSITION_TAG] == "2"
    assert again[0].run_key not in {ask.run_key for ask in asked}


def test_a_run_rebuilds_the_dirty_windows_only(platform: Platform) -> None:
    platform.arrive(*[("d1", at(OLD, hour), float(hour)) for hour in range(24)])
    assert platform.run(OLD, tags={POSITION_TAG: "1"}).success
    platform.arrive(("d1", at(OLD, 11, 30), 99.0))
    result = platform.run(OLD, tags={POSITION_TAG: "2"})
    facts = {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert facts["readings_clean"]["windows"].value in (1, 2)
    assert facts["readings_1h"]["windows"].value == 1
    assert platform.warehouse("select count(*) from readings_clean") == [(25,)]


def test_what_waits_is_not_asked_for_twice(platform: Platform) -> None:
    platform.arrive(("d1", at(TODAY), 2.0))
    (ask,) = tick(platform)
    platform.instance.add_run(
        DagsterRun(job_name=DAYS_JOB, run_id="waits", status=DagsterRunStatus.STARTED, tags=dict(ask.tags))
    )
    assert tick(platform) == []
    platform.arrive(("d1", at(OLD), 2.0))
    assert [span[1] for span in spans(tick(platform))] == ["history"]


def test_a_failed_day_waits_for_its_pause_and_is_then_asked_again(platform: Platform) -> None:
    platform.arrive(("d1", at(TODAY), 2.0))
    (ask,) = tick(platform)
    add_ended_run(platform.instance, ask, DagsterRunStatus.FAILURE)
    assert tick(platform) == []
    later = datetime.now(UTC) + timedelta(seconds=platform.settings.site.runs.retry_after_seconds)
    seen = module.look(platform.instance, platform.settings, later)
    (again,) = module.requests(platform.instance, platform.settings, seen)
    assert again.run_key != ask.run_key
    assert "#2" in str(again.run_key)


def test_the_fallback_schedule_asks_for_the_same(platform: Platform, tmp_path: Path) -> None:
    platform.arrive(("d1", at(TODAY), 2.0))
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = build_schedule_context(instance=instance, resources={"settings": platform.settings})
        asked = ledger_fallback(context)
    assert isinstance(asked, list)
    assert [ask.tags for ask in asked] == [ask.tags for ask in tick(platform)]


def test_history_that_lands_during_the_look_is_built_before_it_is_learnt_from(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = platform.settings.site
    forecast = msgspec.structs.replace(site.forecast, metrics=("t",))
    platform.settings = msgspec.structs.replace(
        platform.settings, site=msgspec.structs.replace(site, forecast=forecast)
    )

    def while_it_lands(home: Home, site: Site) -> tuple[DirtyDay, ...]:
        dirty = dirty_days(home, site)
        platform.arrive(("d1", at(OLD), 1.0), ("d1", at(TODAY), 1.0))
        return dirty

    monkeypatch.setattr(module, "dirty_days", while_it_lands)
    asked = tick(platform)
    assert TRAINING_JOB not in {ask.job_name for ask in asked}, "what has landed meanwhile is not built yet"


def test_tomorrow_waits_until_it_is_a_partition(platform: Platform) -> None:
    """A device whose clock is ahead sends a reading of a minute past midnight before it."""
    tomorrow = TODAY + timedelta(days=1)
    platform.arrive(("d1", at(tomorrow, 0, 1), 1.0), ("d1", at(TODAY, 23, 59), 1.0), received_at=at(TODAY, 23, 59, 30))
    assert str(tomorrow) not in DAYS.get_partition_keys()
    assert [span[2:] for span in spans(tick(platform))] == [(str(TODAY), str(TODAY))]
    midnight = at(tomorrow, 0, 0, 1)
    assert str(tomorrow) in DAYS.get_partition_keys(current_time=midnight)
    seen = module.look(platform.instance, platform.settings, midnight)
    assert spans(list(module.requests(platform.instance, platform.settings, seen)))[0][2:] == (
        str(TODAY),
        str(tomorrow),
    )


def test_every_day_from_the_start_to_today_is_a_partition() -> None:
    keys = DAYS.get_partition_keys()
    assert keys[0] == "2010-01-01"
    assert keys[-1] == str(datetime.now(UTC).date())


def test_a_reading_from_before_the_start_is_quarantined_and_asks_for_nothing(platform: Platform) -> None:
    platform.arrive(("d1", at(date(2009, 12, 31), 23, 59), 1.0), received_at=at(TODAY))
    assert tick(platform) == []


def test_evidence_is_what_dagster_recorded(platform: Platform) -> None:
    tags = {RANGE_START_TAG: str(OLD), RANGE_END_TAG: str(TODAY), LANE_TAG: "history", POSITION_TAG: "5"}
    add_ended_run(platform.instance, RunRequest(tags=tags), DagsterRunStatus.SUCCESS)
    platform.instance.add_run(DagsterRun(job_name="training", run_id="t", status=DagsterRunStatus.STARTED))
    training, days = read_past_runs(platform.instance, datetime.now(UTC))
    assert (training.first, training.outcome) == (None, Outcome.WAITING)
    assert (days.first, days.last, days.position, days.lane) == (OLD, TODAY, 5, Lane.HISTORY)
    assert days.ended_at is not None
    assert abs((datetime.now(UTC) - days.ended_at).total_seconds()) < 60


def add_ended_run(instance: DagsterInstance, ask: RunRequest, status: DagsterRunStatus) -> None:
    run = instance.add_run(
        DagsterRun(job_name=DAYS_JOB, run_id=f"run-{ask.run_key}", status=DagsterRunStatus.STARTED, tags=dict(ask.tags))
    )
    kind = DagsterEventType.RUN_FAILURE if status is DagsterRunStatus.FAILURE else DagsterEventType.RUN_SUCCESS
    instance.report_dagster_event(DagsterEvent(event_type_value=kind.value, job_name=DAYS_JOB), run.run_id)


def test_days_before_a_start_that_moved_later_are_left_out_and_fail_no_run(platform: Platform) -> None:
    platform.arrive(("d1", at(OLD, 10), 1.0), ("d1", at(OLD + timedelta(days=4), 10), 1.0), ("d1", at(TODAY), 2.0))
    later = msgspec.structs.replace(platform.settings.site, start=OLD + timedelta(days=2))
    platform.settings = msgspec.structs.replace(platform.settings, site=later)
    asked = tick(platform)
    assert [ask.tags[RANGE_START_TAG] for ask in asked] == [str(TODAY), str(OLD + timedelta(days=4))]
    seen = module.look(platform.instance, platform.settings, datetime.now(UTC))
    assert seen.older.left_out[0] == OLD
    assert not seen.older.waiting
    assert "`start`" in seen.older.sentences[0]


def test_a_scoring_begins_where_the_partitions_do(platform: Platform) -> None:
    last = TODAY - timedelta(days=1)
    trained = Trained("run", DAYS.start.date() - timedelta(days=9), last)
    assert module._with_partitions(trained, platform.settings) == Trained("run", DAYS.start.date(), last)
    gone = Trained("run", DAYS.start.date() - timedelta(days=9), DAYS.start.date() - timedelta(days=1))
    assert module._with_partitions(gone, platform.settings) is None
    assert module._with_partitions(None, platform.settings) is None
