"""A rule that goes on from a snapshot goes on as if nothing had happened."""

from typing import Any

import msgspec
import pytest

from sensor_platform.stream.rule_instance import RuleInstance
from sensor_platform.stream.rule_set import RuleSet
from sensor_platform.stream.rules import Condition, Count, NoData, Rule, Stuck, Threshold
from sensor_platform.stream.series import SeriesIndex
from sensor_platform_tests.stream.given import Row, noon, readings_of_rows

RULES: tuple[Rule, ...] = (
    Threshold(name="waiting", metric="m", above=60.0, for_="10s"),
    Threshold(name="firing", metric="m", above=60.0, clear_for="10s", renotify="15s"),
    Count(name="counting", metric="m", above=60.0, more_than=2, window="1m"),
    Stuck(name="standing", metric="m", unchanged_for="12s"),
    Condition(name="both", when="m > 60 and n > 0", max_age="1h"),
    NoData(name="silent", after="20s"),
)
BEFORE: list[Row] = [("a", "n", 0.0, 1.0), ("a", "m", 0.0, 61.0), ("a", "m", 5.0, 61.0)]
AFTER: list[Row] = [("a", "m", 9.0, 61.0), ("a", "m", 13.0, 61.0), ("a", "m", 50.0, 1.0)]


def test_rules_are_the_same_by_all_that_they_say() -> None:
    rule = Threshold(name="t", metric="m", above=60.0)
    again = Threshold(name="t", metric="m", above=60.0)
    other = Threshold(name="t", metric="m", above=60.0, runbook="Look.")
    definitions = [RuleInstance(each, SeriesIndex()).definition() for each in (rule, again, other)]
    assert definitions[0] == definitions[1] != definitions[2]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_happens_after_a_snapshot_is_what_happens_without_one(rule: Rule) -> None:
    index = SeriesIndex()
    whole = RuleSet([rule], index)
    whole.observe(readings_of_rows(index, BEFORE))
    again = RuleSet([rule], index)
    again.newest.load(whole.newest.dump())
    snapshot: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(whole.instances[0].dump()), strict=False)
    again.instances[0].load(snapshot)

    def rest(rule_set: RuleSet) -> list[Any]:
        events = rule_set.observe(readings_of_rows(index, AFTER, first_message=10))
        return [*events, *rule_set.tick(noon(60))]

    assert again.instances[0].dump() == whole.instances[0].dump()
    found = rest(again)
    assert found == rest(whole)
    assert found, "or nothing was compared"


def test_nothing_is_in_alarm_in_a_rule_that_has_seen_nothing() -> None:
    instance = RuleInstance(RULES[0], SeriesIndex())
    assert instance.dump() == {"rule": instance.definition(), "alarms": []}
