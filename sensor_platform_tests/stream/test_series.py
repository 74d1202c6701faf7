"""Numbers of devices, metrics and series."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.stream.series import Ints, SeriesIndex

pairs = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["temp", "load", "mode"])), max_size=25)


def number(index: SeriesIndex, some: list[tuple[str, str]]) -> Ints:
    """Series of (device, metric) pairs."""
    metric = np.array([index.metric_number(metric) for _, metric in some], np.int64)
    return index.numbers(index.device_numbers([device for device, _ in some]), metric)


@settings(max_examples=50, deadline=None)
@given(st.lists(pairs, max_size=6))
def test_a_series_has_one_number_for_ever_and_can_be_looked_up_by_it(batches: list[list[tuple[str, str]]]) -> None:
    index = SeriesIndex()
    given_before: dict[tuple[str, str], int] = {}
    for batch in batches:
        for pair, series in zip(batch, number(index, batch).tolist(), strict=True):
            assert given_before.setdefault(pair, series) == series
            assert (index.device(series), index.metric(series)) == pair
    assert sorted(given_before.values()) == list(range(len(index)))


def test_series_that_are_unknown_are_not_found_and_not_numbered() -> None:
    index = SeriesIndex()
    number(index, [("a", "temp")])
    number(index, [("b", "load")])
    assert index.find("a", "temp") == 0
    assert index.find("a", "load") is None
    assert index.find("c", "temp") is None
    assert index.device_number("b") == 1
    assert index.device_number("c") is None
    assert len(index) == 2


def test_series_beyond_the_limit_are_refused_and_counted_but_known_ones_go_on() -> None:
    index = SeriesIndex(limit=2)
    assert number(index, [("a", "m")]).tolist() == [0]
    assert number(index, [("b", "m")]).tolist() == [1]
    assert number(index, [("c", "m"), ("a", "n"), ("a", "m")]).tolist() == [-1, -1, 0]
    assert index.refused == 2
    assert index.device_numbers(["a", "z"]).tolist() == [0, -1]
    assert index.metric_number("third") == -1


def test_a_snapshot_keeps_numbers_tags_and_what_is_known_of_each_series() -> None:
    index = SeriesIndex()
    some = [("a", "temp"), ("b", "load"), ("a", "load")]
    numbers = number(index, some)
    index.by_series["value"][numbers] = [1.5, 2.5, 3.5]
    index.tags[1] = {"room": "cellar"}
    again = SeriesIndex()
    again.load(index.dump())
    assert [again.find(*pair) for pair in some] == numbers.tolist()
    assert number(again, [("c", "temp"), *some]).tolist() == [3, *numbers.tolist()]
    assert again.by_series["value"][numbers].tolist() == [1.5, 2.5, 3.5]
    assert again.tags == {1: {"room": "cellar"}}


def test_devices_are_numbered_in_the_order_in_which_they_appear() -> None:
    ids = [f"d{number}" for number in range(100)]
    index = SeriesIndex(limit=60)
    assert index.device_numbers(["d0", *ids, "d0"]).tolist() == [0, *range(60), *[-1] * 40, 0]
