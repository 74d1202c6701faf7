"""One rule at work."""

import numpy as np

from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.observations import PreviousReadings
from sensor_platform.stream.rule_instance import RuleInstance
from sensor_platform.stream.rules import Anomaly, Condition, Count, NoData, Rule, Threshold
from sensor_platform.stream.series import NEVER, SeriesIndex
from sensor_platform_tests.stream.given import Row, noon, readings_of_rows


class Following:
    """A rule and the index that it works on."""

    def __init__(self, rule: Rule) -> None:
        self.index = SeriesIndex()
        self.instance = RuleInstance(rule, self.index)
        self._messages = 0

    def take(self, *rows: Row) -> list[Event]:
        """Readings, of which nothing was known before."""
        readings = readings_of_rows(self.index, rows, first_message=self._messages)
        self._messages += len(rows)
        self.instance.learn(len(self.index))
        previous = PreviousReadings(np.full(len(rows), np.nan), np.full(len(rows), NEVER))
        return self.instance.take_arrivals(readings) + self.instance.take_readings(readings, previous)


def told(events: list[Event]) -> list[tuple[str, str, str]]:
    return [(event.kind, event.device_id, event.metric) for event in events]


def test_a_rule_is_about_the_metrics_and_devices_that_its_globs_match() -> None:
    one = Following(Threshold(name="t", metric="temp*", devices="oven-[12]", above=60.0))
    found = one.take(
        *((device, metric, 0.0, 99.0) for device in ("oven-1", "oven-3") for metric in ("temp_in", "load"))
    )
    assert told(found) == [("fired", "oven-1", "temp_in")]


def test_a_rule_is_about_devices_with_its_tags() -> None:
    one = Following(Threshold(name="t", metric="m", tags={"hall": "B"}, above=60.0))
    for device, hall in (("a", "A"), ("b", "B")):
        one.index.tags[int(one.index.device_numbers([device])[0])] = {"hall": hall, "line": "1"}
    assert told(one.take(("a", "m", 0.0, 99.0), ("b", "m", 0.0, 99.0))) == [("fired", "b", "m")]


def test_rules_about_scores_and_rules_about_readings_do_not_mix() -> None:
    rows: list[Row] = [("a", "m", 0.0, 99.0), ("a", "anomaly_score:m", 1.0, 99.0)]
    assert [event.at for event in Following(Threshold(name="t", metric="*", above=60.0)).take(*rows)] == [noon(0)]
    (event,) = Following(Anomaly(name="s", metric="*", above=1.0)).take(*rows)
    assert (event.at, event.metric) == (noon(1), "m")


def test_an_alarm_is_resolved_and_forgotten() -> None:
    one = Following(Threshold(name="t", metric="m", above=60.0))
    events = one.take(("a", "m", 0.0, 61.0), ("a", "m", 1.0, 62.0), ("a", "m", 2.0, 1.0))
    assert [event.kind for event in events] == ["fired", "resolved"]
    one.instance.tick(noon(3))
    assert one.instance.alerts == {}


def test_an_alarm_waits_as_long_as_the_rule_says_by_the_clock_too() -> None:
    one = Following(Threshold(name="t", metric="m", above=60.0, for_="10s"))
    assert one.take(("a", "m", 0.0, 61.0)) == []
    assert one.instance.tick(noon(9.9)) == []
    assert told(one.instance.tick(noon(10))) == [("fired", "a", "m")]


def test_a_device_that_is_silent_fires_and_is_resolved_by_what_comes_next() -> None:
    one = Following(NoData(name="n", after="10s"))
    one.take(("a", "m", 0.0, 1.0), ("b", "m", 8.0, 1.0))
    assert one.instance.rule.is_about_devices
    assert told(one.instance.tick(noon(11))) == [("fired", "a", "")]
    assert one.instance.tick(noon(12)) == []
    assert told(one.take(("a", "other", 13.0, 1.0))) == [("resolved", "a", "")]


def test_a_silence_that_has_ended_before_anybody_looked_is_an_alarm_all_the_same() -> None:
    one = Following(NoData(name="n", metric="m", after="10s"))
    events = one.take(("a", "m", 0.0, 1.0), ("a", "other", 9.0, 1.0), ("a", "m", 30.0, 1.0))
    assert [(event.kind, event.noticed_at) for event in events] == [("fired", noon(10)), ("resolved", noon(30))]


def test_a_condition_is_about_the_device() -> None:
    one = Following(Condition(name="e", when="a > 1 and b > 1"))
    assert told(one.take(("x", "a", 0.0, 2.0), ("x", "b", 1.0, 2.0), ("x", "c", 2.0, 2.0))) == [("fired", "x", "")]


def test_a_full_window_of_a_device_that_has_gone_silent_is_over_after_two_windows() -> None:
    one = Following(Count(name="c", metric="m", above=60.0, more_than=1, window="10s"))
    assert told(one.take(("a", "m", 1.0, 61.0), ("a", "m", 2.0, 61.0))) == [("fired", "a", "m")]
    assert one.instance.tick(noon(21)) == []
    assert told(one.instance.tick(noon(22))) == [("resolved", "a", "m")]
