"""All rules of a site."""

from sensor_platform.stream.alert_state import Event
from sensor_platform.stream.rule_set import RuleSet
from sensor_platform.stream.rules import Maintenance, Rate, Threshold
from sensor_platform.stream.series import SeriesIndex
from sensor_platform_tests.stream.given import Row, noon, readings_of_rows

HOT = Threshold(name="hot", metric="temp", above={"warning": 60.0, "critical": 80.0})
WAITS = Threshold(name="waits", metric="temp", above=60.0, for_="10s")


def take(rule_set: RuleSet, *rows: Row, verdicts: tuple[int, ...] = ()) -> list[tuple[str, str, str]]:
    return told(rule_set.observe(readings_of_rows(rule_set.index, rows, verdicts=verdicts)))


def told(events: list[Event]) -> list[tuple[str, str, str]]:
    return [(event.kind, event.rule, event.device_id) for event in events]


def test_every_rule_sees_every_reading_and_events_are_in_order_of_arrival() -> None:
    rule_set = RuleSet([Threshold(name="cold", metric="temp", below=0.0), HOT], SeriesIndex())
    rows: list[Row] = [
        ("b", "temp", 0.0, 61.0),
        ("a", "temp", 1.0, -1.0),
        ("b", "temp", 2.0, 1.0),
        ("a", "load", 3.0, 99.0),
    ]
    assert take(rule_set, *rows) == [("fired", "hot", "b"), ("fired", "cold", "a"), ("resolved", "hot", "b")]


def test_a_bad_reading_raises_no_alarm() -> None:
    assert take(RuleSet([HOT], SeriesIndex()), ("a", "temp", 0.0, 99.0), verdicts=(2,)) == []


def test_a_reading_that_is_older_than_one_before_it_changes_nothing() -> None:
    rule_set = RuleSet([HOT], SeriesIndex())
    take(rule_set, ("a", "temp", 5.0, 1.0))
    assert take(rule_set, ("a", "temp", 4.0, 99.0)) == []
    assert take(rule_set, ("a", "temp", 6.0, 99.0), ("a", "temp", 5.5, 1.0)) == [("fired", "hot", "a")]


def test_readings_are_compared_with_those_of_the_batch_before() -> None:
    rule_set = RuleSet([Rate(name="jump", metric="temp", above=5.0, per="1s")], SeriesIndex())
    assert take(rule_set, ("a", "temp", 0.0, 1.0)) == []
    assert take(rule_set, ("a", "temp", 1.0, 9.0)) == [("fired", "jump", "a")]


def test_time_outs_are_served_by_the_clock() -> None:
    rule_set = RuleSet([WAITS], SeriesIndex())
    take(rule_set, ("a", "temp", 0.0, 61.0))
    assert told(rule_set.tick(noon(9.9))) == []
    assert told(rule_set.tick(noon(10))) == [("fired", "waits", "a")]


def test_an_event_says_its_limit_and_whether_a_maintenance_keeps_it_from_people() -> None:
    outage = Maintenance(devices="b", start="2026-03-01T12:00", end="2026-03-01T13:00")
    rule_set = RuleSet([HOT], SeriesIndex(), [outage])
    rows: list[Row] = [("a", "temp", 0.0, 61.0), ("b", "temp", 1.0, 61.0)]
    events = rule_set.observe(readings_of_rows(rule_set.index, rows))
    assert [(event.device_id, event.limit, event.suppressed) for event in events] == [
        ("a", "above 60.0/80.0", ""),
        ("b", "above 60.0/80.0", "maintenance"),
    ]


def test_an_active_alarm_can_be_acknowledged_once_by_its_id() -> None:
    rule_set = RuleSet([HOT], SeriesIndex())
    (fired,) = rule_set.observe(readings_of_rows(rule_set.index, [("a", "temp", 0.0, 61.0)]))
    assert [alarm.alert_id for alarm in rule_set.active()] == [fired.alert_id]
    assert rule_set.acknowledge("another", "Ada", noon(1)) == []
    assert [event.by for event in rule_set.acknowledge(fired.alert_id, "Ada", noon(1))] == ["Ada"]
    assert rule_set.acknowledge(fired.alert_id, "Bob", noon(2)) == []
    take(rule_set, ("a", "temp", 3.0, 1.0))
    assert list(rule_set.active()) == []


def test_a_snapshot_goes_on_and_rules_that_have_changed_start_afresh() -> None:
    rule_set = RuleSet([HOT, WAITS], SeriesIndex())
    take(rule_set, ("a", "temp", 0.0, 61.0))
    changed = Threshold(name="waits", metric="temp", above=60.0, for_="20s")
    again = RuleSet([HOT, changed], rule_set.index)
    assert again.load(rule_set.dump()) == ["waits"]
    assert take(again, ("a", "temp", 1.0, 1.0)) == [("resolved", "hot", "a")]
