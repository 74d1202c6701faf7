"""Which past runs are deleted, and that every day keeps its newest success."""

from datetime import UTC, date, datetime, timedelta

import pytest
from dagster import AssetKey
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.orchestration.partitions import POSITION_TAG
from sensor_platform.orchestration.planning.run_planner import Lane, Outcome, PastRun
from sensor_platform.orchestration.storage.past_runs import (
    forget_superseded_runs,
    not_needed,
    superseded,
)
from sensor_platform_tests.orchestration.platforms import TODAY, Platform, at

DAY = TODAY - timedelta(days=3)


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


AFTER = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("runs", "gone"),
    [
        pytest.param([seen(0, 0), seen(0, 0, lane=None)], [1], id="a person's run of a day with a newer run"),
        pytest.param([seen(0, 0, lane=None), seen(0, 0)], [], id="a person's run may be one of a few tables"),
        pytest.param([seen(0, 0, Outcome.FAILED, None)], [0], id="a person's failure"),
        pytest.param([seen(0, 0, Outcome.WAITING, None)], [], id="in flight"),
        pytest.param([seen(0, 0), seen(0, 0, lane=Lane.TRAINING)], [1], id="scores of past days"),
    ],
)
def test_old_runs_of_any_kind_that_no_page_needs(runs: list[PastRun], gone: list[int]) -> None:
    assert list(not_needed(runs, AFTER)) == [runs[number] for number in gone]
    assert list(not_needed(runs, datetime(2026, 1, 1, tzinfo=UTC))) == []


def test_the_newest_training_stays() -> None:
    failed, newest, older = (
        PastRun(name, Lane.TRAINING, None, None, None, outcome, datetime(2026, 1, 1, tzinfo=UTC))
        for name, outcome in (("failed", Outcome.FAILED), ("newest", Outcome.DONE), ("older", Outcome.DONE))
    )
    assert list(not_needed([failed, newest, older], AFTER)) == [failed, older]


_runs = st.builds(
    lambda first, length, outcome, lane: seen(first, first + length, outcome, lane),
    st.integers(0, 6),
    st.integers(0, 3),
    st.sampled_from(Outcome),
    st.sampled_from([Lane.TODAY, Lane.HISTORY]),
)


@given(st.lists(_runs, max_size=15))
def test_every_day_that_was_materialised_keeps_its_newest_run(runs: list[PastRun]) -> None:
    gone = {id(run) for run in (*superseded(runs), *not_needed(runs, AFTER))}
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
