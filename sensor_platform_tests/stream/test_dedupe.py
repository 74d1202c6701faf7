"""Repeats that a publisher sends."""

from sensor_platform.stream.columns import Readings, message_keys
from sensor_platform.stream.dedupe import Dedupe
from sensor_platform.stream.series import SeriesIndex
from sensor_platform_tests.stream.given import SECOND, noon, readings_of_rows

SLOT = 600 * SECOND


def dedupe(most: int = 1_000_000, horizon: float = 3_600) -> Dedupe:
    return Dedupe(SeriesIndex(), SLOT, round(horizon * SECOND), most)


def sent(one: Dedupe, *some: tuple[float, int], device: str = "a", has_time: bool = True) -> Readings:
    """Readings with (seconds, message key)."""
    rows = [(device, "m", at, 1.0) for at, _ in some]
    return readings_of_rows(one.index, rows, keys=[key for _, key in some], has_device_time=has_time)


def fresh(one: Dedupe, readings: Readings, now: float = 0.0) -> list[float]:
    """Seconds of the readings that are no repeats, which the index takes over as the engine does."""
    kept = one.fresh(readings, noon(now))
    for series, at in zip(kept.series.tolist(), kept.event_at.tolist(), strict=True):
        one.index.by_series["event_at"][series] = max(at, int(one.index.by_series["event_at"][series]))
    return [(at - noon(0)) / SECOND for at in kept.event_at.tolist()]


def test_the_same_id_and_device_time_count_once_in_a_batch_and_later() -> None:
    one = dedupe()
    assert fresh(one, sent(one, (1, 7), (2, 8), (1, 7))) == [1, 2]
    assert fresh(one, sent(one, (1, 7))) == []
    assert one.dropped == 2


def test_another_time_or_another_device_is_no_repeat() -> None:
    one = dedupe()
    assert fresh(one, sent(one, (2, 7), (1, 7))) == [2, 1]
    assert fresh(one, sent(one, (1, 7), device="b")) == [1]
    assert one.dropped == 0


def test_readings_without_an_id_are_never_repeats() -> None:
    one = dedupe()
    assert fresh(one, sent(one, (1, 0), (1, 0))) == [1, 1]


def test_without_a_device_time_a_repeat_within_a_slot_is_dropped() -> None:
    one = dedupe()
    assert fresh(one, sent(one, (0, 7), (599, 7), (1_199, 7), has_time=False)) == [0, 1_199]
    assert fresh(one, sent(one, (1_200, 7), has_time=False), 1_200) == []


def test_numbers_that_begin_anew_at_0_or_1_are_no_repeats() -> None:
    zero, one_, two, three = message_keys(["0", "1", "2", "3"]).tolist()
    one = dedupe()
    first = sent(one, (0, zero), (1, one_), (2, two), (3, three), (4, zero), (5, one_), (6, two), has_time=False)
    assert fresh(one, first) == [0, 1, 2, 3, 4, 5, 6]
    again = dedupe()
    again.load(one.dump())
    assert fresh(one, sent(one, (7, two), (8, one_), (9, two), (10, two), has_time=False)) == [8, 9]
    assert again._counts[0] == (two, 1)


def test_another_device_that_begins_anew_changes_nothing() -> None:
    zero, two = message_keys(["0", "2"]).tolist()
    one = dedupe()
    assert fresh(one, sent(one, (0, two), has_time=False)) == [0]
    assert fresh(one, sent(one, (1, two), (2, zero), device="b", has_time=False)) == [1, 2]
    assert fresh(one, sent(one, (3, two), has_time=False)) == []


def test_ids_are_forgotten_after_the_horizon() -> None:
    one = dedupe(horizon=100)
    assert fresh(one, sent(one, (5, 1), (1, 7)), now=10) == [5, 1]
    for now in range(40, 400, 30):
        assert fresh(one, sent(one, (now, now)), now=now) == [now]
    assert fresh(one, sent(one, (1, 7)), now=400) == [1]


def test_memory_is_bounded_by_the_most_ids() -> None:
    one = dedupe(most=40)
    for at in range(200):
        assert fresh(one, sent(one, (at, at + 1))) == [at]
    assert fresh(one, sent(one, (0, 1))) == [0], "long forgotten"
    assert fresh(one, sent(one, (199, 200))) == []


def test_a_snapshot_remembers() -> None:
    one = dedupe()
    fresh(one, sent(one, (5, 3), (1, 7)))
    fresh(one, sent(one, (6, 9), has_time=False))
    again = Dedupe(one.index, SLOT, one.horizon)
    again.load(one.dump())
    assert fresh(again, sent(one, (1, 7), (2, 8))) == [2]
    assert fresh(again, sent(one, (7, 9), has_time=False)) == []
    assert again.dropped == 2
