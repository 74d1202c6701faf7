"""Topic filters match as MQTT says."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.reading.contract import Contract, contract_for
from sensor_platform.reading.names import below_filter, filter_error, fold, topic_matches

LEVELS = st.lists(st.sampled_from(["", "a", "b", "$SYS", "é"]), min_size=1, max_size=4)
FILTERS = st.lists(st.sampled_from(["", "a", "b", "+", "$SYS"]), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [
        ("sensors/#", "sensors/a/b", True),
        ("sensors/#", "sensors", True),
        ("sensors/#", "sensorsx", False),
        ("sensors/+/t", "sensors/a/t", True),
        ("sensors/+/t", "sensors/a/b/t", False),
        ("sensors/+", "sensors/", True),
        ("sensors/+", "sensors", False),
        ("+", "/", False),
        ("/+", "/a", True),
        ("#", "a", True),
        ("#", "$SYS/broker", False),
        ("+/broker", "$SYS/broker", False),
        ("$SYS/#", "$SYS/broker", True),
        ("a.b", "axb", False),
    ],
)
def test_a_filter_matches_as_the_standard_says(topic_filter: str, topic: str, matches: bool) -> None:
    assert topic_matches(topic_filter, topic) is matches


@given(FILTERS, st.booleans(), LEVELS)
def test_matching_agrees_with_a_regular_expression(parts: list[str], is_open: bool, levels: list[str]) -> None:
    topic_filter, topic = "/".join([*parts, "#"] if is_open else parts), "/".join(levels)
    pattern = "/".join("[^/]*" if part == "+" else re.escape(part) for part in parts) + ("(/.*)?" if is_open else "")
    expected = bool(re.fullmatch(pattern, topic)) and not (topic[:1] == "$" and topic_filter[:1] == "+")
    assert topic_matches(topic_filter, topic) is expected


@pytest.mark.parametrize(
    ("topic_filters", "topic", "rest"),
    [
        (["sensors/#"], "sensors/hall/dev1", "hall/dev1"),
        (["sensors/#"], "sensors/dev1", "dev1"),
        (["sensors/#"], "sensors", "sensors"),
        (["sensors/#"], "plant/dev1", "plant/dev1"),
        (["#"], "tele/a/SENSOR", "tele/a/SENSOR"),
        (["+/status/+"], "shelly-a/status/switch:0", "shelly-a/status/switch:0"),
        (["/sensors/+/t"], "/sensors/a/t", "a/t"),
        (["a/b", "a/c"], "a/c", "a/c"),
        (["a/b/+/x", "a/+/c/#"], "a/b/c/d", "b/c/d"),
        ([], "machines", "machines"),
    ],
)
def test_a_topic_is_named_without_the_levels_with_which_its_filter_begins(
    topic_filters: list[str], topic: str, rest: str
) -> None:
    assert below_filter(topic_filters, topic) == rest


@given(st.lists(FILTERS.map("/".join).filter(bool), max_size=3), LEVELS, LEVELS)
def test_topics_that_one_filter_takes_have_different_rests(
    topic_filters: list[str], one: list[str], other: list[str]
) -> None:
    both = {"/".join(one), "/".join(other)}
    if sum(any(topic_matches(each, topic) for topic in both) for each in topic_filters) == 1:
        (taking,) = (each for each in topic_filters if any(topic_matches(each, topic) for topic in both))
        if all(topic_matches(taking, topic) for topic in both):
            assert len({below_filter(topic_filters, topic) for topic in both}) == len(both)


@pytest.mark.parametrize("wrong", ["", "a/#/b", "a#", "a+/b", "#/a", "a/b+"])
def test_a_filter_that_the_standard_forbids_is_refused(wrong: str) -> None:
    assert filter_error(wrong)
    with pytest.raises(ValueError, match="topic"):
        Contract(name="x", topic=wrong)


@pytest.mark.parametrize("right", ["#", "+", "a/+/b/#", "/", "$share/a", "a//b"])
def test_a_filter_that_the_standard_allows_is_taken(right: str) -> None:
    assert filter_error(right) is None


def test_the_first_contract_that_matches_is_used() -> None:
    special, rest = Contract(name="special", topic="a/+"), Contract(name="rest", topic="a/#")
    assert contract_for((special, rest), "a/b") is special
    assert contract_for((special, rest), "a/b/c") is rest
    assert contract_for((special, rest), "b") is None


def test_field_names_are_compared_regardless_of_case_and_underscores() -> None:
    assert fold("generatorID") == fold("generator_id") == fold("GENERATOR_ID")
    assert fold("sensor-id") != fold("sensor_id")
