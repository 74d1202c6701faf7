"""What a device counted and nobody received is named, to the number, and nothing else is."""

import random

from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.landing.sequences import gaps, missing, union, without

HOUR = 3_600_000_000
numbers = st.sets(st.integers(0, 200))


def ranges(values: set[int]) -> list[tuple[int, int]]:
    return union([(value, value) for value in values])


def numbers_of(found: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in found for number in range(first, last + 1)}


@given(numbers, numbers)
def test_ranges_join_and_part_as_sets_do(one: set[int], other: set[int]) -> None:
    assert numbers_of(union(ranges(one), ranges(other))) == one | other
    assert numbers_of(without(ranges(one), ranges(other))) == one - other
    whole = set(range(min(one), max(one) + 1)) if one else set()
    assert numbers_of(gaps(ranges(one))) == whole - one


@given(st.integers(100, 300), st.sets(st.integers(1, 98), max_size=20), st.randoms(use_true_random=False))
def test_what_is_dropped_is_named_however_the_rest_is_shuffled(
    count: int, dropped: set[int], dice: random.Random
) -> None:
    sent = [number for number in range(5000, 5000 + count) if number - 5000 not in dropped]
    dice.shuffle(sent)
    hours: dict[int, list[tuple[int, int]]] = {}
    for number in sent:
        hours.setdefault(dice.randrange(3) * HOUR, []).append((number, number))
    assert numbers_of(missing(hours)) == {5000 + number for number in dropped}


@given(st.integers(20, 500), st.integers(20, 500), st.sets(st.integers(3, 15), max_size=3), st.integers(0, 1))
def test_a_device_that_starts_anew_is_judged_on_both_sides(
    before: int, after: int, dropped: set[int], first: int
) -> None:
    hours = {
        0: ranges({number for number in range(first, before) if number not in dropped}),
        HOUR: ranges({number for number in range(first, after) if number not in dropped}),
    }
    assert missing(hours) == gaps(hours[0]) + gaps(hours[HOUR])


def test_a_restart_within_an_hour_is_no_gap() -> None:
    assert missing({0: [(9000, 9999)], HOUR: [(0, 500), (10_000, 10_500)], 2 * HOUR: [(501, 900)]}) == []


def test_what_comes_later_fills_the_gap() -> None:
    hours = {0: [(1, 10), (20, 30)]}
    assert missing(hours) == [(11, 19)]
    assert missing(hours, later=[(11, 15), (31, 40)]) == [(16, 19)]


def test_ids_that_are_no_count_miss_nothing() -> None:
    assert missing({0: [(number, number) for number in range(0, 1000, 7)]}) == []
