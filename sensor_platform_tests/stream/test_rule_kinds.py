"""What each rule kind observes in a batch, the limits that it shows, and its text."""

import numpy as np
import pytest

from sensor_platform.stream.alert_state import AlertState, Observation
from sensor_platform.stream.observations import PreviousReadings
from sensor_platform.stream.rule_kinds.threshold import by_level, ranges_by_level
from sensor_platform.stream.rules import (
    Anomaly,
    Condition,
    Count,
    Forecast,
    NoData,
    Rate,
    Rule,
    Stuck,
    Threshold,
)
from sensor_platform.stream.series import NEVER, SeriesIndex
from sensor_platform_tests.stream.given import noon, readings_of_rows


class OneSeries:
    """A rule that sees the readings of one series, which may come in several batches."""

    def __init__(self, rule: Rule) -> None:
        self.index = SeriesIndex()
        self.observer = rule.observer(self.index)
        self._value, self._at = np.nan, NEVER

    def see(self, *some: tuple[float, float]) -> list[tuple[int, int]]:
        """Level that each reading (seconds, value) calls for, and the one that it is enough to keep."""
        readings = readings_of_rows(self.index, [("a", "m", at, value) for at, value in some])
        previous = PreviousReadings(
            np.array([self._value, *readings.value[:-1]]), np.array([self._at, *readings.event_at[:-1]], np.int64)
        )
        self._value, self._at = float(readings.value[-1]), int(readings.event_at[-1])
        seen = self.observer.observe(readings, previous)
        return list(zip(seen.raw.tolist(), seen.hold.tolist(), strict=True))

    def levels(self, *some: tuple[float, float]) -> list[int]:
        """Level that each reading calls for."""
        return [raw for raw, _ in self.see(*some)]


def test_a_threshold_is_strict_and_the_highest_level_counts() -> None:
    rule = Threshold(name="t", metric="m", above={"warning": 60.0, "critical": 80.0})
    assert OneSeries(rule).levels((0, 60), (1, 61), (2, 80), (3, 81)) == [0, 1, 1, 2]


def test_a_threshold_may_be_below_or_outside() -> None:
    rule = Threshold(name="t", metric="m", below=0.0, outside=(-5.0, 5.0), severity="critical")
    assert OneSeries(rule).levels((0, 0), (1, -1), (2, 5), (3, 6)) == [0, 2, 0, 2]


def test_an_alarm_is_held_within_the_margin() -> None:
    rule = Threshold(name="t", metric="m", above=60.0, below=10.0, clear_margin=5.0)
    assert OneSeries(rule).see((0, 61), (1, 56), (2, 55), (3, 15), (4, 14)) == [(1, 1), (0, 1), (0, 0), (0, 0), (0, 1)]


@pytest.mark.parametrize(("direction", "levels"), [("any", [1, 0, 1]), ("rise", [1, 0, 0]), ("fall", [0, 0, 1])])
def test_a_rate_is_the_change_per_unit_of_time_in_a_direction(direction: str, levels: list[int]) -> None:
    rule = Rate(name="r", metric="m", above=10.0, per="1m", direction=direction)  # type: ignore[arg-type]
    assert OneSeries(rule).levels((0, 0), (6, 2), (12, 3), (18, 1)) == levels


def test_a_rate_goes_on_from_the_last_batch() -> None:
    one = OneSeries(Rate(name="r", metric="m", above=10.0, per="1m"))
    assert one.levels((0, 0)) == []
    assert one.levels((6, 2)) == [1]
    assert one.levels((6, 9)) == [], "two values of one moment have no rate"


def test_a_value_that_does_not_change_is_stuck_until_it_changes_by_more_than_the_tolerance() -> None:
    one = OneSeries(Stuck(name="s", metric="m", unchanged_for="10s", tolerance=0.5))
    assert one.levels((0, 1), (5, 1.5), (9, 1)) == [0, 0, 0]
    assert one.levels((10, 1), (11, 1.4), (12, 3), (20, 3), (22, 3)) == [1, 1, 0, 0, 1]


def test_a_count_fires_when_a_window_has_too_many_and_until_that_window_ends() -> None:
    one = OneSeries(Count(name="c", metric="m", above=60.0, more_than=2, window="1m", severity="critical"))
    assert one.levels((0, 61), (10, 62), (20, 10)) == [0, 0, 0]
    assert one.levels((30, 63), (59, 10), (60, 61)) == [2, 2, 0]


def test_a_count_counts_each_window_apart() -> None:
    rule = Count(name="c", metric="m", below=0.0, more_than=1, window="1m")
    assert OneSeries(rule).levels((0, -1), (59, 1), (60, -1), (119, -1)) == [0, 0, 0, 1]


def test_scores_and_distances_from_a_forecast_are_judged_by_their_limits() -> None:
    assert OneSeries(Anomaly(name="a", metric="m", above=1.0)).levels((0, 1.0), (1, 1.1)) == [0, 1]
    rule = Forecast(name="f", metric="m", margin=0.5, severity="critical")
    assert OneSeries(rule).levels((0, 0.5), (1, 0.6)) == [0, 2]


def test_a_rule_about_missing_data_is_about_arrivals() -> None:
    """Pauses that have ended, then the end of a firing alert; the value is the limit in seconds."""
    observer = NoData(name="n", metric="m", after="10s", severity="critical").observer(SeriesIndex())
    assert observer.is_about_arrivals
    assert list(observer.due(noon(1_000), {})) == []

    def arrive(*some: float, alerts: dict[int, AlertState]) -> list[Observation]:
        at = np.array([noon(seconds) for seconds in some], np.int64)
        return [seen for _, seen in observer.arrivals(np.zeros(len(some), np.int64), at, at, alerts)]

    assert arrive(0, 30, alerts={}) == [
        Observation(noon(0), noon(10), 10.0, 2, 2),
        Observation(noon(0), noon(30), 0.0, 0, 0),
    ]
    assert list(observer.due(noon(40), {})) == []
    assert list(observer.due(noon(41), {})) == [(0, Observation(noon(30), noon(40), 10.0, 2, 2))]
    firing = AlertState("n", "a", "m", level=2)
    assert list(observer.due(noon(41), {0: firing})) == [], "it fires already"
    assert arrive(45, alerts={0: firing})[-1] == Observation(noon(45), noon(45), 0.0, 0, 0)


def test_a_condition_sees_the_newest_values_of_a_device_while_they_are_young_enough() -> None:
    index = SeriesIndex()
    observer = Condition(name="e", when="a > 1 and b > 1", max_age="10s", severity="critical").observer(index)
    rows = [
        ("x", "a", 0.0, 2.0),
        ("y", "b", 0.0, 2.0),
        ("x", "b", 5.0, 2.0),
        ("x", "b", 11.0, 2.0),
        ("x", "a", 11.0, 5.0),
    ]
    readings = readings_of_rows(index, rows)
    seen = observer.observe(readings, PreviousReadings(readings.value, readings.event_at))
    found = [
        (index.devices[device], (at - noon(0)) // 1_000_000, level)
        for device, at, level in zip(seen.key.tolist(), seen.at.tolist(), seen.raw.tolist(), strict=True)
    ]
    assert sorted(found) == [("x", 0, 0), ("x", 5, 2), ("x", 11, 0), ("x", 11, 2), ("y", 0, 0)]
    later = readings_of_rows(index, [("x", "b", 21.5, 2.0)])
    seen = observer.observe(later, PreviousReadings(later.value, later.event_at))
    assert seen.raw.tolist() == [0], "the other value is too old"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Threshold(name="t", metric="m", above=60.0), "above 60.0"),
        (Threshold(name="t", metric="m", above={"warning": 60.0, "critical": 80.0}), "above 60.0/80.0"),
        (Threshold(name="t", metric="m", outside=(-1.0, 1.0)), "outside (-1.0, 1.0)"),
        (Count(name="c", metric="m", below=3.0, more_than=5, window="1m"), "below 3.0 more than 5 times in 1m"),
        (Rate(name="r", metric="m", above=2.0, per="60s"), "above 2.0 per 1m"),
        (Stuck(name="s", metric="m", unchanged_for="10m"), "unchanged for 10m"),
        (NoData(name="n", after="5m"), "nothing for 5m"),
        (NoData(name="n"), "nothing for longer than usual"),
        (Condition(name="e", when="a > 1 and b > 2"), "a > 1 and b > 2"),
        (Anomaly(name="a", metric="m", above={"critical": 2.0}), "above 2.0"),
    ],
)
def test_a_rule_is_described_in_a_few_words(rule: Rule, text: str) -> None:
    assert rule.limit_text() == text


def test_a_limit_without_levels_has_the_severity_of_its_rule() -> None:
    assert by_level(60.0, "critical") == {2: 60.0}
    assert by_level({"warning": 60.0, "critical": 80.0}, "warning") == {1: 60.0, 2: 80.0}
    assert by_level(None, "warning") == {}
    assert ranges_by_level((-1.0, 1.0), "warning") == {1: (-1.0, 1.0)}
    assert ranges_by_level({"critical": (-2.0, 2.0)}, "warning") == {2: (-2.0, 2.0)}


def test_the_limits_to_show_of_a_threshold_are_those_of_all_its_keys() -> None:
    rule = Threshold(name="t", metric="m", above={"warning": 60.0}, outside=(-1.0, 80.0), severity="critical")
    assert sorted(rule.limits()) == [(1, "above", 60.0), (2, "above", 80.0), (2, "below", -1.0)]


def test_the_limit_to_show_of_a_count_is_its_own() -> None:
    rule = Count(name="c", metric="m", below=3.0, more_than=2, severity="critical")
    assert rule.limits() == [(2, "below", 3.0)]
    assert Stuck(name="s", metric="m").limits() == []
