from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from sensor_platform.predict.features import feature_table as features
from sensor_platform.predict.features.feature_table import NUMBERS, WIDEST_LAG_HOURS
from sensor_platform.predict.features.grid import HOURLY, grid_for
from sensor_platform.predict.features.rolling import moments

Make = Callable[..., pl.DataFrame]
Build = Callable[[pl.DataFrame], pl.DataFrame]
START = datetime(2026, 1, 1)  # noqa: DTZ001 - plain UTC, as in the tables

_VALUE = st.floats(-1e6, 1e6) | st.just(float("nan"))
_SERIES = st.lists(_VALUE, min_size=1, max_size=200)


def build(frame: pl.DataFrame) -> pl.DataFrame:
    return features.rows(features.build(frame), "m")


def rows_until(frame: pl.DataFrame, hour: int) -> pl.DataFrame:
    return frame.filter(pl.col("window_start") <= START + timedelta(hours=hour))


def assert_future_does_not_matter(make: Build, past_and_future: pl.DataFrame, cut: int, other_future: float) -> None:
    altered = past_and_future.with_columns(
        pl.when(pl.col("window_start") > START + timedelta(hours=cut))
        .then(other_future)
        .otherwise("mean")
        .alias("mean")
    )
    expected = rows_until(make(past_and_future), cut)
    assert_frame_equal(rows_until(make(altered), cut), expected, check_exact=True)
    assert_frame_equal(make(rows_until(past_and_future, cut)), expected, check_exact=True)


@settings(max_examples=40, deadline=None)
@given(first=_SERIES, second=_SERIES, cut=st.integers(0, 200), other=st.floats(-1e9, 1e9))
def test_altering_or_dropping_the_future_never_changes_a_feature_row(
    make_hourly: Make, first: list[float], second: list[float], cut: int, other: float
) -> None:
    assert_future_does_not_matter(build, make_hourly({"a": first, "b": second}), cut, other)


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
        return build(hourly).with_columns(leak.alias("mean_6"))

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
    whole = build(frame).filter(pl.col("window_start") >= since)
    tail = frame.filter(pl.col("window_start") >= since - timedelta(hours=WIDEST_LAG_HOURS))
    assert_frame_equal(build(tail).filter(pl.col("window_start") >= since), whole, check_exact=True)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), keep=st.floats(0.05, 1.0))
def test_every_number_equals_its_definition_hour_by_hour_across_gaps(make_hourly: Make, seed: int, keep: float) -> None:
    rng = np.random.default_rng(seed)
    series = rng.normal(0, 10, (2, 260))
    series[rng.random(series.shape) > keep] = np.nan
    built = build(make_hourly({"d0": series[0], "d1": series[1]}))
    assert built.height == np.isfinite(series).sum()
    for row in built.sample(min(10, built.height), seed=seed).iter_rows(named=True):
        hour = int((row["window_start"] - START) / timedelta(hours=1))
        assert_defined(row, series, int(row["device_id"][1]), hour)


def assert_defined(row: dict[str, Any], series: np.ndarray[Any, Any], device: int, hour: int) -> None:
    def past(hours: int, every: int = 1) -> list[float]:
        steps = range(hour, max(hour - hours, -1), -every)
        return [float(series[device][k]) for k in steps if np.isfinite(series[device][k])]

    expected: dict[str, float] = {}
    for hours in (6, 24, 168):
        expected |= {f"mean_{hours}": float(np.mean(past(hours))), f"std_{hours}": float(np.std(past(hours)))}
    everyone = [float(each[hour]) for each in series if np.isfinite(each[hour])]
    expected |= {"value": float(series[device][hour]), "seen": float(len(past(168)))}
    expected |= {"same_hour_mean": float(np.mean(past(168, 24))), "network_mean": float(np.mean(everyone))}
    assert set(expected) == set(NUMBERS)
    for name, value in expected.items():
        np.testing.assert_allclose(row[name], value, rtol=1e-9, atol=1e-9, err_msg=name)


@settings(max_examples=30, deadline=None)
@given(values=st.lists(_VALUE, min_size=1, max_size=60), windows=st.sets(st.integers(1, 40), min_size=1, max_size=3))
def test_moments_of_any_window_equal_numpys(values: list[float], windows: set[int]) -> None:
    series = np.array(values)
    found = moments(series, sorted(windows))
    for window in windows:
        for end in range(len(series)):
            part = series[max(0, end - window + 1) : end + 1]
            part = part[np.isfinite(part)]
            assert found[window].count[end] == len(part)
            if len(part):
                assert found[window].level()[end] == pytest.approx(part.mean(), rel=1e-9, abs=1e-6)
                assert found[window].std()[end] == pytest.approx(part.std(), rel=1e-6, abs=1e-3)


def test_series_never_reach_into_each_other(make_hourly: Make) -> None:
    alone = build(make_hourly({"b": np.arange(50.0)}))
    together = build(make_hourly({"a": np.full(300, 1e9), "b": np.arange(50.0)}))
    own = [name for name in features.COLUMNS if not name.startswith("network")]
    assert_frame_equal(together.filter(pl.col("device_id") == "b").select(own), alone.select(own), check_exact=True)


def test_the_order_of_the_rows_does_not_matter(make_hourly: Make) -> None:
    frame = make_hourly({"a": np.arange(100.0), "b": np.sqrt(np.arange(100.0))})
    assert_frame_equal(build(frame.sample(fraction=1.0, shuffle=True, seed=3)), build(frame), check_exact=True)


def test_a_panel_written_as_rows_and_loaded_is_the_same(make_hourly: Make) -> None:
    series = np.arange(400.0)
    series[50:70] = np.nan
    made = features.build(make_hourly({"a": series, "b": -series[:90]}))
    loaded = features.load(features.rows(made, "m").sample(fraction=1.0, shuffle=True, seed=1))
    np.testing.assert_array_equal(loaded.step[loaded.rows], made.step[made.rows])
    for name in NUMBERS:
        np.testing.assert_array_equal(loaded.columns[name][loaded.rows], made.columns[name][made.rows])


def test_a_stray_old_reading_costs_no_years_of_empty_rows(make_hourly: Make) -> None:
    new = make_hourly({"a": np.arange(30.0)})
    stray = new[:1].with_columns(window_start=pl.lit(datetime(1990, 1, 1)).cast(pl.Datetime("us")))  # noqa: DTZ001
    panel = features.build(pl.concat([stray, new]))
    assert len(panel.value) == 1 + 30 + 2 * WIDEST_LAG_HOURS
    assert_frame_equal(features.rows(panel, "m")[1:], build(new), check_exact=True)


def test_a_constant_series_has_no_spread_and_no_nan(make_hourly: Make) -> None:
    built = build(make_hourly({"a": np.full(400, 0.1)}))
    assert built["std_168"].max() == pytest.approx(0, abs=1e-12)
    assert not built.select(pl.any_horizontal(pl.col(NUMBERS).is_nan()).any()).item()


def test_infinite_and_missing_means_are_gaps(make_hourly: Make) -> None:
    frame = make_hourly({"a": [1.0, float("inf"), 3.0]})
    built = build(pl.concat([frame, frame[:1].with_columns(device_id=pl.lit("b"), mean=None)]))
    assert built["value"].to_list() == [1.0, 3.0]


def test_no_rows_give_no_features_with_the_right_columns(make_hourly: Make) -> None:
    built = build(make_hourly({"a": [1.0]})[:0])
    assert built.schema == features.empty().schema
    assert built.height == 0


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


@pytest.mark.parametrize(
    ("minutes", "season", "week"),
    [(60, 24, 168), (10, 144, 1008), (24 * 60, 7, 7), (5, 288, 2016), (7, 1, 1)],
)
def test_the_raster_knows_day_and_week_of_any_cadence(minutes: int, season: int, week: int) -> None:
    grid = grid_for(minutes * 60_000_000, 1_000_000, 24)
    assert (grid.season, grid.long_season) == (season, week)


def test_a_season_counts_only_where_the_history_holds_three() -> None:
    assert grid_for(3_600_000_000, 71, 24).season == 1
    assert grid_for(3_600_000_000, 72, 24).season == 24
    assert grid_for(3_600_000_000, 10_000, 24) == HOURLY
