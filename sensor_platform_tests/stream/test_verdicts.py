"""The verdict on each reading by the catalog."""

import math

import pytest

from sensor_platform.stream.columns import BAD, GOOD, UNCERTAIN
from sensor_platform.stream.look_back import LookBackLimits
from sensor_platform.stream.series import SeriesIndex
from sensor_platform.stream.verdicts import CalibrationInterval, EngineCatalog, Validator
from sensor_platform_tests.stream.given import noon, readings_of_rows


def judged(catalog: EngineCatalog, *values: float, metric: str = "m", verdicts: tuple[int, ...] = ()) -> list[int]:
    """Verdicts on readings of one series, a second apart."""
    index = SeriesIndex()
    rows = [("a", metric, float(at), value) for at, value in enumerate(values)]
    readings = Validator(catalog, index).validate(readings_of_rows(index, rows, verdicts=verdicts))
    return [int(verdict) for verdict in readings.verdict]


def test_a_value_outside_its_limits_is_bad_and_one_on_a_limit_is_good() -> None:
    catalog = EngineCatalog(limits={"m": (0.0, 10.0)})
    assert judged(catalog, -0.1, 0.0, 10.0, 10.1) == [BAD, GOOD, GOOD, BAD]
    assert judged(catalog, -0.1, 10.1, metric="other") == [GOOD, GOOD]


def test_a_limit_may_be_on_one_side_only() -> None:
    assert judged(EngineCatalog(limits={"m": (None, 10.0)}), -1e9, 11.0) == [GOOD, BAD]
    assert judged(EngineCatalog(limits={"m": (0.0, None)}), -1.0, 1e9) == [BAD, GOOD]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_bad(value: float) -> None:
    assert judged(EngineCatalog(), value) == [BAD]


def test_what_is_said_of_a_good_value_stays() -> None:
    assert judged(EngineCatalog(limits={"m": (0.0, 1.0)}), 0.5, 0.5, 2.0, verdicts=(1, 2, 1)) == [UNCERTAIN, BAD, BAD]


def test_values_are_calibrated_in_their_period_and_judged_afterwards() -> None:
    periods = [CalibrationInterval(2.0, 1.0, noon(1), noon(2)), CalibrationInterval(0.0, 99.0, noon(2), noon(3))]
    catalog = EngineCatalog(limits={"m": (0.0, 50.0)}, calibrations={("a", "m"): periods})
    index = SeriesIndex()
    rows = [("a", "m", at, 5.0) for at in (0.0, 1.0, 2.0, 3.0)] + [("b", "m", 1.0, 5.0)]
    found = Validator(catalog, index).validate(readings_of_rows(index, rows))
    by_device = {index.device(series): series for series in set(found.series.tolist())}
    assert found.value[found.series == by_device["a"]].tolist() == [5.0, 11.0, 99.0, 5.0]
    assert found.verdict[found.series == by_device["a"]].tolist() == [GOOD, GOOD, BAD, GOOD]
    assert found.value[found.series == by_device["b"]].tolist() == [5.0]


def test_series_that_come_later_have_their_limits_too() -> None:
    index = SeriesIndex()
    validator = Validator(EngineCatalog(limits={"m": (0.0, 10.0)}), index)
    validator.validate(readings_of_rows(index, [("a", "m", 0.0, 1.0)]))
    assert validator.validate(readings_of_rows(index, [("b", "m", 0.0, 11.0)])).verdict.tolist() == [BAD]


def test_readings_are_compared_with_those_before_them() -> None:
    catalog = EngineCatalog(look_back={"m": LookBackLimits(max_change_per_s=1.0)})
    assert judged(catalog, 0.0, 1.0, 5.0, 5.5) == [GOOD, GOOD, BAD, GOOD]
