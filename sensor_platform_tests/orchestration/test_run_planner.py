"""Truth table of the ledger sensor's decision."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.orchestration.planning.run_planner import (
    Lane,
    Outcome,
    PastRun,
    PlannedRun,
    Rules,
    decide,
    failed_attempts,
    failing,
)
from sensor_platform.warehouse.dirty import DirtyDay

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
TODAY = NOW.date()
RULES = Rules(retry_after=timedelta(minutes=5), most_days=16, bridge=2)


def day(offset: int) -> date:
    return TODAY + timedelta(days=offset)


def dirt(offsets: Iterable[int], position: int = 7, readings: int = 1) -> list[DirtyDay]:
    return [DirtyDay(day(offset), position, readings, ("readings_clean",)) for offset in offsets]


def run(
    first: int,
    last: int | None = None,
    *,
    outcome: Outcome = Outcome.DONE,
    position: int | None = 7,
    minutes_ago: float = 1,
    lane: Lane | None = Lane.HISTORY,
    run_id: str = "run-of-before",
) -> PastRun:
    ended = None if outcome is Outcome.WAITING else NOW - timedelta(minutes=minutes_ago)
    return PastRun(run_id, lane, day(first), day(first if last is None else last), position, outcome, ended)


def spans(asks: tuple[PlannedRun, ...]) -> list[tuple[str, int, int]]:
    return [(ask.lane.value, (ask.first - TODAY).days, (ask.last - TODAY).days) for ask in asks]


@pytest.mark.parametrize(
    ("dirty", "asked"),
    [
        pytest.param([], [], id="nothing dirty, nothing asked"),
        pytest.param([0], [("today", 0, 0)], id="today alone"),
        pytest.param([-1, 0], [("today", -1, 0)], id="late rows of yesterday go along with today"),
        pytest.param([-1], [("today", -1, -1)], id="yesterday alone is still the today lane"),
        pytest.param([-2], [("history", -2, -2)], id="the day before yesterday is history"),
        pytest.param([0, -2], [("today", 0, 0), ("history", -2, -2)], id="today first, whatever the order"),
        pytest.param([1], [], id="tomorrow has no partition yet and waits"),
        pytest.param([0, 1], [("today", 0, 0)], id="tomorrow does not come along with today"),
        pytest.param([-9, -8, -7], [("history", -9, -7)], id="adjoining days are one run"),
        pytest.param([-9, -6], [("history", -9, -6)], id="a gap of two clean days is bridged"),
        pytest.param([-9, -5], [("history", -9, -9)], id="a gap of three is not; the rest comes next time"),
        pytest.param(range(-40, -1), [("history", -40, -25)], id="a long history comes in pieces of most_days"),
    ],
)
def test_the_fewest_runs_are_asked_as_ranges(dirty: list[int], asked: list[tuple[str, int, int]]) -> None:
    assert spans(decide(dirt(dirty), [], NOW, RULES)) == asked


@pytest.mark.parametrize(
    ("dirty", "runs", "asked"),
    [
        pytest.param(
            [0, -5], [run(-5, outcome=Outcome.WAITING)], [("today", 0, 0)], id="history in flight does not starve today"
        ),
        pytest.param(
            [0, -5],
            [run(0, outcome=Outcome.WAITING, lane=Lane.TODAY)],
            [("history", -5, -5)],
            id="today in flight does not hold up history",
        ),
        pytest.param([-5], [run(-30, outcome=Outcome.WAITING)], [], id="one run of a lane at a time"),
        pytest.param(
            [0], [run(0, outcome=Outcome.WAITING, lane=None)], [("today", 0, 0)], id="a person's run occupies no lane"
        ),
    ],
)
def test_runs_do_not_pile_up(dirty: list[int], runs: list[PastRun], asked: list[tuple[str, int, int]]) -> None:
    assert spans(decide(dirt(dirty), runs, NOW, RULES)) == asked


@pytest.mark.parametrize(
    ("runs", "asked"),
    [
        pytest.param([run(-5, position=6)], True, id="new data since the last run: at once"),
        pytest.param([run(-5, position=7)], False, id="done at this position and still dirty: pause, no hot loop"),
        pytest.param([run(-5, position=7, minutes_ago=6)], True, id="and again after the pause"),
        pytest.param([run(-5, position=None)], True, id="a person's run is no reason to wait"),
        pytest.param([run(-5, outcome=Outcome.FAILED, minutes_ago=4.9)], False, id="failed: pause of retry_after"),
        pytest.param([run(-5, outcome=Outcome.FAILED, minutes_ago=5)], True, id="failed: over at retry_after"),
        pytest.param(
            [run(-5, outcome=Outcome.FAILED, position=6, minutes_ago=4)], False, id="new data does not end the pause"
        ),
        pytest.param(
            [run(-5, outcome=Outcome.FAILED, minutes_ago=9), run(-5, outcome=Outcome.FAILED, minutes_ago=20)],
            False,
            id="failed twice: the pause doubles",
        ),
        pytest.param(
            [run(-5, outcome=Outcome.FAILED, minutes_ago=10), run(-5, outcome=Outcome.FAILED, minutes_ago=20)],
            True,
            id="failed twice: over after twice as long",
        ),
        pytest.param(
            [run(-5, outcome=Outcome.FAILED, minutes_ago=60 + ago) for ago in range(20)],
            True,
            id="the pause never exceeds its longest: no day is given up",
        ),
        pytest.param(
            [run(-5, position=6), run(-5, outcome=Outcome.FAILED, minutes_ago=2)], True, id="a success ends the series"
        ),
        pytest.param([run(-4, outcome=Outcome.FAILED)], True, id="another day's failure is not this one's"),
    ],
)
def test_a_day_is_asked_again_with_growing_pauses(runs: list[PastRun], asked: bool) -> None:
    assert bool(decide(dirt([-5]), runs, NOW, RULES)) is asked


def test_one_bad_day_does_not_hold_up_its_neighbours_for_ever() -> None:
    """A range that fails comes back in quarters until the bad day is alone."""
    bad, dirty = day(-10), dirt(range(-17, -1))
    runs: list[PastRun] = []
    for number in range(60):
        now = NOW + timedelta(minutes=10 * number)
        for ask in decide(dirty, runs, now, RULES):
            hit = ask.first <= bad <= ask.last
            dirty = [one for one in dirty if hit or not ask.first <= one.day <= ask.last]
            outcome = Outcome.FAILED if hit else Outcome.DONE
            runs.insert(0, PastRun(f"run{number:05}", ask.lane, ask.first, ask.last, 7, outcome, now))
    assert [one.day for one in dirty] == [bad]


def test_a_pausing_day_is_not_bridged() -> None:
    runs = [run(-6, outcome=Outcome.FAILED)]
    assert spans(decide(dirt([-7, -6, -5]), runs, NOW, RULES)) == [("history", -7, -7)]


def test_the_key_changes_with_range_position_attempt_and_the_run_before() -> None:
    """Dagster runs each key once: a key that came again would be dropped silently."""
    failed = run(-5, outcome=Outcome.FAILED, minutes_ago=30)
    worlds = [
        (dirt([-5]), []),
        (dirt([-6, -5]), []),
        (dirt([-5], position=8), []),
        (dirt([-5]), [failed]),
        (dirt([-5]), [replace(failed, run_id="another"), failed]),
        (dirt([-5]), [run(-5, position=None, run_id="by hand")]),
    ]
    keys = {decide(dirty, runs, NOW, RULES)[0].run_key for dirty, runs in worlds}
    assert len(keys) == len(worlds)


def test_a_day_that_keeps_failing_is_reported() -> None:
    runs = [run(-5, outcome=Outcome.FAILED, minutes_ago=10 * ago) for ago in range(1, 4)]
    assert failing(dirt([-5, -4]), runs, RULES) == {day(-5): 3}
    assert failing(dirt([-5]), runs[1:], RULES) == {}


_offsets = st.integers(-60, 2)
_seen = st.builds(
    run,
    first=_offsets,
    outcome=st.sampled_from(Outcome),
    position=st.one_of(st.none(), st.integers(1, 9)),
    minutes_ago=st.floats(0, 300),
    lane=st.one_of(st.none(), st.sampled_from(Lane)),
)


@given(dirty=st.sets(_offsets), runs=st.lists(_seen, max_size=12), position=st.integers(1, 9))
def test_whatever_is_seen_the_asks_are_few_dirty_and_within_bounds(
    dirty: set[int], runs: list[PastRun], position: int
) -> None:
    days = {day(offset) for offset in dirty}
    asks = decide(dirt(dirty, position), runs, NOW, RULES)
    assert len({ask.lane for ask in asks}) == len(asks)
    for ask in asks:
        assert {ask.first, ask.last} <= days, "a range begins and ends with a dirty day"
        assert ask.last <= TODAY
        assert (ask.last - ask.first).days < RULES.most_days
        assert not [one for one in runs if one.outcome is Outcome.WAITING and one.lane is ask.lane]


@given(dirty=st.sets(_offsets, min_size=1), runs=st.lists(_seen, max_size=12))
def test_every_dirty_day_is_asked_for_in_the_end(dirty: set[int], runs: list[PastRun]) -> None:
    """However the past looked, an hour later and with nothing in flight no day is left out."""
    left = dirt((offset for offset in dirty if offset <= 0), position=9)
    seen = [one for one in runs if one.outcome is not Outcome.WAITING]
    now = NOW + timedelta(hours=1)
    for _ in range(len(left) + 1):
        for ask in decide(left, seen, now, RULES):
            left = [one for one in left if not ask.first <= one.day <= ask.last]
    assert not left


def test_runs_over_other_days_prove_nothing() -> None:
    assert failed_attempts(dirt([-5])[0], [run(-6, outcome=Outcome.FAILED), run(-4)]) == ()


@pytest.mark.parametrize(
    ("readings", "asked"),
    [
        pytest.param(10, ("history", -9, -7), id="small days go together"),
        pytest.param(40, ("history", -9, -8), id="as many days as fit"),
        pytest.param(1000, ("history", -9, -9), id="a day that is too large goes alone"),
    ],
)
def test_a_run_is_bounded_by_its_readings(readings: int, asked: tuple[str, int, int]) -> None:
    rules = replace(RULES, most_readings=100)
    assert spans(decide(dirt([-9, -8, -7], readings=readings), [], NOW, rules)) == [asked]


def runs_until_clean(dirty: list[DirtyDay]) -> tuple[int, int]:
    """Runs of history and of today until all is clean, when every look finds new data of today."""
    count = {Lane.TODAY: 0, Lane.HISTORY: 0}
    runs: list[PastRun] = []
    for number in range(100):
        now = NOW + timedelta(minutes=number)
        asks = decide([*dirty, *dirt([0], position=8 + number)], runs, now, Rules(retry_after=timedelta(minutes=5)))
        assert next(ask.lane for ask in asks) is Lane.TODAY, "today is asked for at every look, and first"
        for ask in asks:
            count[ask.lane] += 1
            dirty = [one for one in dirty if not ask.first <= one.day <= ask.last]
            runs.insert(0, PastRun(f"run{number:05}", ask.lane, ask.first, ask.last, ask.position, Outcome.DONE, now))
        if not dirty:
            break
    return count[Lane.HISTORY], count[Lane.TODAY]


@pytest.mark.parametrize(
    "offsets",
    [
        pytest.param(range(-60, -30), id="30 adjoining days of a month ago"),
        pytest.param(range(-62, -2, 2), id="every other day"),
        pytest.param(range(-32 * 12, -24, 12), id="spread over a year"),
        pytest.param([*range(-400, -390), *range(-200, -190), *range(-20, -10)], id="three bursts far apart"),
    ],
)
def test_thirty_late_days_cost_at_most_three_runs_and_today_stays_fresh(offsets: Iterable[int]) -> None:
    late = dirt(offsets)
    assert len(late) == 30
    history, today = runs_until_clean(late)
    assert 1 <= history <= 3
    assert today >= history


@given(st.sets(st.integers(-366, -3), min_size=30, max_size=30))
def test_no_thirty_days_of_a_year_cost_more_than_three_runs(offsets: set[int]) -> None:
    history, _ = runs_until_clean(dirt(offsets))
    assert history <= 3 or any(gap > 32 for gap in gaps(offsets))


def gaps(offsets: set[int]) -> list[int]:
    days = sorted(offsets)
    return [later - earlier for earlier, later in pairwise(days)]


def test_success_for_positions_of_another_ledger_is_no_vain_try() -> None:
    """After a rebuild of the ledger the positions are counted anew; runs of earlier versions did not note which."""
    (dirty,) = [replace(one, generation="new") for one in dirt([0])]
    done = [replace(run(0, lane=Lane.TODAY, position=40), generation=generation) for generation in ("old", None)]
    for past in done:
        assert failed_attempts(dirty, [past]) == ()
        assert [ask.generation for ask in decide([dirty], [past], NOW, RULES)] == ["new"]
    same = replace(done[0], generation="new")
    assert failed_attempts(dirty, [same]) == (same,)
    broken = replace(run(0, outcome=Outcome.FAILED), generation="old")
    assert failed_attempts(dirty, [broken]) == (broken,), "a failure may fail again"
