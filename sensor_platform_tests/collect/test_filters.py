"""Topic filters: validity, and overlap against topics that really match."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from sensor_platform.collect.config import Subscription
from sensor_platform.collect.mqtt.filters import check_subscriptions, do_overlap, why_invalid
from sensor_platform.errors import WrongUse

levels = st.lists(st.sampled_from(["a", "b", "+", ""]), min_size=1, max_size=4)
filters = st.builds(lambda parts, tail: "/".join(parts + tail), levels, st.sampled_from([[], ["#"]]))
topics = [
    "/".join(parts)
    for size in range(1, 7)
    for parts in itertools.product(("a", "b", ""), repeat=size)
    if "/".join(parts)
]


@given(filters, filters)
@settings(deadline=None)
def test_filters_overlap_exactly_where_a_topic_matches_both(one: str, other: str) -> None:
    if not one or not other:
        return
    matched = any(topic_matches_sub(one, topic) and topic_matches_sub(other, topic) for topic in topics)
    assert do_overlap(one, other) == do_overlap(other, one) == matched


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [("#", "$SYS/#", False), ("+/x", "$SYS/x", False), ("$SYS/#", "$SYS/broker/#", True), ("a/#", "a", True)],
)
def test_wildcards_never_reach_topics_that_start_with_a_dollar(one: str, other: str, overlap: bool) -> None:
    assert do_overlap(one, other) is overlap


def test_filters_that_meet_in_the_empty_topic_only_do_not_overlap() -> None:
    assert not do_overlap("+", "/#")
    assert do_overlap("+/+", "/#")


@pytest.mark.parametrize("topic", ["", "a/#/b", "a#", "a+/b", "$share/group/a", "a\0b", "a" * 65536])
def test_an_invalid_filter_is_refused_by_name(topic: str) -> None:
    assert why_invalid(topic)
    with pytest.raises(WrongUse):
        check_subscriptions([Subscription(topic=topic)])


@pytest.mark.parametrize("topic", ["#", "+", "a/+/b", "/", "a/#", "+/+/#", "$SYS/#", "ü/🌡"])
def test_a_valid_filter_passes(topic: str) -> None:
    check_subscriptions([Subscription(topic=topic)])


def test_overlapping_subscriptions_are_refused_with_both_names() -> None:
    with pytest.raises(WrongUse, match=r"'sensors/#' and 'sensors/\+/x' overlap"):
        check_subscriptions([Subscription(topic="sensors/#"), Subscription(topic="sensors/+/x")])


def test_no_subscription_at_all_is_refused() -> None:
    with pytest.raises(WrongUse, match="empty"):
        check_subscriptions([])
