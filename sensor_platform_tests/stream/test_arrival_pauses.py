"""Pauses between arrivals that are too long."""

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.stream.arrival_pauses import ArrivalPauses, LongPause
from sensor_platform_tests.stream.given import SECOND, noon


def fixed() -> ArrivalPauses:
    """Pauses may last ten seconds."""
    return ArrivalPauses(10 * SECOND, 1.0, 0)


def learned() -> ArrivalPauses:
    """Pauses may last three times as long as usual, and always five seconds."""
    return ArrivalPauses(None, 3.0, 5 * SECOND)


def take(pauses: ArrivalPauses, *some: tuple[int, float]) -> list[LongPause]:
    """Arrivals of (key, seconds), with an event time half a second earlier."""
    ordered = sorted(some, key=lambda row: row[0])
    at = np.array([noon(seconds) for _, seconds in ordered], np.int64)
    return pauses.take(np.array([key for key, _ in ordered], np.int64), at, at - SECOND // 2)


def test_a_pause_longer_than_its_limit_is_reported_when_it_ends() -> None:
    pauses = fixed()
    assert take(pauses, (0, 0), (0, 10), (1, 0)) == []
    assert take(pauses, (0, 20.5), (1, 5)) == [LongPause(0, noon(10), noon(9.5), 10 * SECOND, noon(20.5))]


def test_a_pause_that_goes_on_is_overdue_after_its_limit() -> None:
    pauses = fixed()
    take(pauses, (0, 0), (2, 8))
    assert pauses.overdue(noon(10)) == []
    assert pauses.overdue(noon(10.5)) == [LongPause(0, noon(0), noon(-0.5), 10 * SECOND, 0)]
    assert [pause.key for pause in pauses.overdue(noon(60))] == [0, 2]


def test_a_usual_pause_is_learned_from_sixteen_pauses() -> None:
    pauses = learned()
    take(pauses, *((0, at * 4.0) for at in range(16)))
    assert pauses.overdue(noon(10_000)) == [], "fifteen pauses are not enough"
    take(pauses, (0, 64.0))
    assert pauses.overdue(noon(76)) == []
    assert [(pause.since, pause.limit) for pause in pauses.overdue(noon(76.5))] == [(noon(64), 12 * SECOND)]


def test_a_learned_limit_is_not_below_its_lower_bound() -> None:
    pauses = learned()
    take(pauses, *((0, at / 10) for at in range(20)))
    assert pauses.overdue(noon(6.9)) == []
    assert [pause.limit for pause in pauses.overdue(noon(7))] == [5 * SECOND]


def test_a_snapshot_remembers_what_was_learned() -> None:
    pauses, again = learned(), learned()
    take(pauses, *((0, at * 4.0) for at in range(20)))
    again.load(pauses.dump())
    assert again.overdue(noon(100)) == pauses.overdue(noon(100)) != []


lengths = st.lists(st.sampled_from([0.0, 1.0, 2.0, 2.5, 9.0, 30.0, 300.0]), min_size=1, max_size=60)


@settings(max_examples=50, deadline=None)
@given(lengths, st.integers(1, 9), st.sampled_from([fixed, learned]))
def test_how_arrivals_are_cut_into_batches_changes_nothing(
    some: list[float], size: int, new: Callable[[], ArrivalPauses]
) -> None:
    arrivals = [(number % 2, at) for number, at in enumerate(np.cumsum(some).tolist())]
    whole, parts = new(), new()
    found = [pause for start in range(0, len(arrivals), size) for pause in take(parts, *arrivals[start : start + size])]
    expected = take(whole, *arrivals)
    assert sorted(found, key=lambda pause: (pause.key, pause.since)) == expected
    assert parts.overdue(noon(10_000)) == whole.overdue(noon(10_000))
