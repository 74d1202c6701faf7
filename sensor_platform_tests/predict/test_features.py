from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from sensor_platform.predict import features
from sensor_platform.predict.features import LAGS, NUMBERS, WIDEST_LAG_HOURS

Make = Callable[..., pl.DataFrame]
Build = Callable[[pl.DataFrame], pl.DataFrame]
START = datetime(2026, 1, 1)  # noqa: DTZ001 - plain UTC, as in the tables

_VALUE = st.floats(-1e6, 1e6) | st.just(float("nan"))
_SERIES = st.lists(_VALUE, min_size=1, max_size=200)


def rows_until(frame: pl.DataFrame, hour: int) -> pl.DataFrame:
    return frame.filter(pl.col("window_start") <= START + timedelta(hours=hour))


def assert_future_does_not_matter(build: Build, past_and_future: pl.DataFrame, cut: int, other_future: float) -> None:
    altered = past_and_future.with_columns(
        pl.when(pl.col("window_start") > START + timedelta(hours=cut))
        .then(other_future)
        .otherwise("mean")
        .alias("mean")
    )
    expected = rows_until(build(past_and_future), cut)
    assert_frame_equal(rows_until(build(altered), cut), expected, check_exact=True)
    assert_frame_equal(build(rows_until(past_and_future, cut)), expected, check_exact=True)


@settings(max_examples=40, deadline=None)
@given(first=_SERIES, second=_SERIES, cut=st.integers(0, 200), other=st.floats(-1e9, 1e9))
def test_altering_or_dropping_the_future_never_changes_a_feature_row(
    make_hourly: Make, first: list[float], second: list[float], cut: int, other: float
) -> None:
    assert_future_does_not_matter(features.build, make_hourly({"a": first, "b": second}), cut, other)


@pytest.mark.parametrize(
    "leak",
    [
        pl.col("value").shift(-1).over("device_id"),
        pl.col("value").max().over("device_id"),
        (pl.col("value") - pl.col("value").mean().over("metric")),
    ],
    ids=["next value", "maximum of the series", "centred on the whole history"],
)
def test_a_planted_leak_is_caught(make_hourly: Make, leak: pl.Expr) -> None:
    def leaking(hourly: pl.DataFrame) -> pl.DataFrame:
        return features.build(hourly).with_columns(leak.alias("lag_1"))

    frame = make_hourly({"a": np.sin(np.arange(60.0)), "b": np.arange(60.0)})
    with pytest.raises(AssertionError):
        assert_future_does_not_matter(leaking, frame, 30, 1e6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(200, 420), keep=st.floats(0.3, 1.0))
def test_a_part_built_with_168_hours_before_it_equals_the_whole_bit_for_bit(
    make_hourly: Make, seed: int, cut: int, keep: float
) -> None:
    rng = np.random.default_rng(seed)
    series = rng.normal(1e5, 3, (3, 450))
    series[rng.random(series.shape) > keep] = np.nan
    frame = make_hourly({f"d{i}": row for i, row in enumerate(series)})
    since = START + timedelta(hours=cut)
    whole = features.build(frame).filter(pl.col("window_start") >= since)
    tail = frame.filter(pl.col("window_start") >= since - timedelta(hours=WIDEST_LAG_HOURS))
    part = features.build(tail).filter(pl.col("window_start") >= since)
    assert_frame_equal(part, whole, check_exact=True)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), keep=st.floats(0.05, 1.0))
def test_every_number_equals_its_definition_hour_by_hour_across_gaps(make_hourly: Make, seed: int, keep: float) -> None:
    rng = np.random.default_rng(seed)
    series = rng.normal(0, 10, (2, 260))
    series[rng.random(series.shape) > keep] = np.nan
    built = features.build(make_hourly({"d0": series[0], "d1": series[1]}))
    assert built.height == np.isfinite(series).sum()
    for row in built.sample(min(10, built.height), seed=seed).iter_rows(named=True):
        hour = int((row["window_start"] - START) / timedelta(hours=1))
        assert_defined(row, series, int(row["device_id"][1]), hour)


def assert_defined(row: dict[str, Any], series: np.ndarray[Any, Any], device: int, hour: int) -> None:
    def at(index: int, own: np.ndarray[Any, Any] = series[device]) -> float:
        return float(own[index]) if index >= 0 else float("nan")

    def past(hours: int) -> list[float]:
        return [value for value in (at(hour - k) for k in range(hours)) if np.isfinite(value)]

    expected = {f"lag_{k}": at(hour - k) for k in LAGS}
    for hours in (6, 24, 168):
        expected |= {f"mean_{hours}h": float(np.mean(past(hours))), f"std_{hours}h": float(np.std(past(hours)))}
    for ahead in range(1, 25):
        days = [value for value in (at(hour + ahead - 24 * k) for k in range(1, 8)) if np.isfinite(value)]
        expected[f"same_hour_mean_{ahead}"] = float(np.mean(days)) if days else float("nan")
    for name, lag in (("network_mean", 0), ("network_lag_1", 1), ("network_lag_24", 24)):
        seen = [value for value in (at(hour - lag, each) for each in series) if np.isfinite(value)]
        expected[name] = float(np.mean(seen)) if seen else float("nan")
    expected |= {"value": at(hour), "n": 60.0, "hours_seen_168h": float(len(past(168)))}
    moment = START + timedelta(hours=hour)
    expected |= {"hour_of_day": moment.hour, "day_of_week": moment.isoweekday()}
    expected["day_of_year"] = moment.timetuple().tm_yday
    assert set(expected) == set(NUMBERS)
    for name, value in expected.items():
        got = float("nan") if row[name] is None else row[name]
        np.testing.assert_allclose(got, value, rtol=1e-9, atol=1e-9, err_msg=name)


def test_series_never_reach_into_each_other(make_hourly: Make) -> None:
    alone = features.build(make_hourly({"b": np.arange(50.0)}))
    together = features.build(make_hourly({"a": np.full(300, 1e9), "b": np.arange(50.0)}))
    own = [name for name in features.COLUMNS if not name.startswith("network")]
    assert_frame_equal(together.filter(pl.col("device_id") == "b").select(own), alone.select(own), check_exact=True)


def test_metrics_of_one_device_stay_apart(make_hourly: Make) -> None:
    first, second = make_hourly({"a": np.arange(30.0)}, "x"), make_hourly({"a": -np.arange(30.0)}, "y")
    both = features.build(pl.concat([second, first]))
    assert_frame_equal(both, pl.concat([features.build(first), features.build(second)]), check_exact=True)


def test_the_order_of_the_rows_does_not_matter(make_hourly: Make) -> None:
    frame = make_hourly({"a": np.arange(100.0), "b": np.sqrt(np.arange(100.0))})
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=3)
    assert_frame_equal(features.build(shuffled), features.build(frame), check_exact=True)


def test_a_stray_old_reading_costs_no_years_of_empty_rows(make_hourly: Make) -> None:
    new = make_hourly({"a": np.arange(30.0)})
    stray = new[:1].with_columns(window_start=pl.lit(datetime(1990, 1, 1)).cast(pl.Datetime("us")))  # noqa: DTZ001
    grid = features._dense_grid(features._checked(pl.concat([stray, new])))
    assert grid.height == 1 + 30 + 2 * WIDEST_LAG_HOURS
    assert_frame_equal(features.build(pl.concat([stray, new]))[1:], features.build(new), check_exact=True)


def test_a_constant_series_has_no_spread_and_no_nan(make_hourly: Make) -> None:
    built = features.build(make_hourly({"a": np.full(400, 0.1)}))
    assert built["std_168h"].max() == pytest.approx(0, abs=1e-12)
    assert not built.select(pl.any_horizontal(pl.col(NUMBERS).is_nan()).any()).item()


def test_infinite_and_missing_means_are_gaps(make_hourly: Make) -> None:
    frame = make_hourly({"a": [1.0, float("inf"), 3.0]})
    built = features.build(pl.concat([frame, frame[:1].with_columns(device_id=pl.lit("b"), mean=None)]))
    assert built["value"].to_list() == [1.0, 3.0]
    assert built["lag_2"].to_list() == [None, 1.0]


def test_no_rows_give_no_features_with_the_right_columns(make_hourly: Make) -> None:
    built = features.build(make_hourly({"a": [1.0]})[:0])
    assert built.height == 0
    assert tuple(built.columns) == features.COLUMNS


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (lambda frame: pl.concat([frame, frame[:1]]), "share"),
        (lambda frame: frame.with_columns(pl.col("window_start") + timedelta(minutes=30)), "whole hour"),
    ],
)
def test_a_wrong_grain_is_refused(
    make_hourly: Make, spoilt: Callable[[pl.DataFrame], pl.DataFrame], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        features.build(spoilt(make_hourly({"a": np.arange(5.0)})))
