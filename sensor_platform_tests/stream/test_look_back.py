"""Verdicts that compare a reading with those before it."""

from sensor_platform.stream.columns import BAD
from sensor_platform.stream.look_back import LookBack, LookBackLimits
from sensor_platform.stream.series import SeriesIndex
from sensor_platform_tests.stream.given import SECOND, readings_of_rows

SLOT = 600 * SECOND
FAST = LookBackLimits(max_change_per_s=1.0, compare_within=60 * SECOND)
STUCK = LookBackLimits(stuck_after=20 * SECOND)


class OneSeries:
    """Verdicts on readings of one series, which come in several batches."""

    def __init__(self, rule: LookBackLimits) -> None:
        self.index = SeriesIndex()
        self.look_back = LookBack({"m": rule}, self.index, SLOT)

    def judge(self, *some: tuple[float, float], verdicts: tuple[int, ...] = (), metric: str = "m") -> list[bool]:
        """Whether each reading, given as (seconds, value), is bad."""
        rows = [("a", metric, at, value) for at, value in some]
        readings = readings_of_rows(self.index, rows, verdicts=verdicts)
        self.look_back.validate(readings)
        return [verdict == BAD for verdict in readings.verdict.tolist()]


def test_what_changes_faster_than_it_may_is_bad() -> None:
    assert OneSeries(FAST).judge((0, 0), (10, 10), (20, 20.1), (30, 10)) == [False, False, True, True]


def test_readings_are_compared_across_batches() -> None:
    one = OneSeries(FAST)
    assert one.judge((0, 0)) == [False]
    assert one.judge((1, 5)) == [True]


def test_after_a_long_pause_nothing_is_compared() -> None:
    assert OneSeries(FAST).judge((0, 0), (61, 1_000), (121, 1_061)) == [False, False, True]


def test_a_reading_that_is_bad_by_itself_is_compared_with_nothing() -> None:
    assert OneSeries(FAST).judge((0, 0), (1, 50), (2, 1), verdicts=(0, 2, 0)) == [False, True, False]


def test_a_reading_older_than_one_before_it_is_not_compared() -> None:
    one = OneSeries(FAST)
    one.judge((10, 0))
    assert one.judge((9, 50)) == [False]
    assert one.judge((11, 1)) == [False]


def test_a_value_that_has_stood_too_long_is_stuck_until_it_changes() -> None:
    some = [(0, 5), (10, 5), (20, 5), (30, 5), (40, 6), (50, 5)]
    assert OneSeries(STUCK).judge(*some) == [False, False, True, True, False, False]


def test_a_metric_without_a_rule_is_not_compared() -> None:
    assert OneSeries(FAST).judge((0, 0), (1, 50), metric="other") == [False, False]


def test_a_snapshot_in_the_middle_changes_nothing() -> None:
    one, again = OneSeries(STUCK), OneSeries(STUCK)
    one.judge((0, 5), (10, 5))
    again.judge((0, 5))
    again.look_back = LookBack({"m": STUCK}, again.index, SLOT)
    again.look_back.load(one.look_back.dump())
    assert again.judge((20, 5)) == one.judge((20, 5)) == [True]
    assert again.judge((15, 5)) == [False], "older than one before it"
