from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.predict import features, matrix
from sensor_platform.predict.baselines import persistence, seasonal_naive
from sensor_platform.predict.matrix import INPUTS

Make = Callable[..., pl.DataFrame]


@settings(max_examples=60, deadline=None)
@given(horizon=st.integers(1, 168))
def test_the_seasonal_naive_forecast_is_the_newest_known_value_at_the_targets_hour_of_day(
    make_hourly: Make, horizon: int
) -> None:
    built = features.build(make_hourly({"a": np.arange(400.0)}))
    issued = 300
    expected = next(hour for hour in range(issued, -1, -1) if (issued + horizon - hour) % 24 == 0)
    assert built.select(seasonal_naive(horizon))[issued].item() == expected
    assert built.select(persistence())[issued].item() == issued


@pytest.mark.parametrize("horizon", [1, 5, 24, 30, 168])
def test_examples_pair_each_hour_with_the_value_exactly_that_many_hours_later(make_hourly: Make, horizon: int) -> None:
    series = np.arange(400.0)
    series[100:130] = np.nan
    found = matrix.examples(features.build(make_hourly({"a": series, "b": -series})), (horizon,))
    assert len(found) == 2 * sum(
        np.isfinite(series[h]) and np.isfinite(series[h + horizon]) for h in range(400 - horizon)
    )
    np.testing.assert_array_equal(np.abs(found.actual), np.abs(found.value) + horizon)
    np.testing.assert_array_equal(found.target_at - found.issued_at, np.timedelta64(horizon, "h"))


def test_levels_are_given_to_the_model_as_differences_so_that_an_offset_changes_nothing(make_hourly: Make) -> None:
    series = np.sin(np.arange(400.0))
    low, high = (features.build(make_hourly({"a": series + offset})) for offset in (0.0, 1024.0))
    level = INPUTS.index("value")
    first, second = (np.delete(matrix.inputs(frame, 6), level, axis=1) for frame in (low, high))
    np.testing.assert_allclose(first, second, atol=1e-9)


def test_a_limit_draws_evenly_over_the_horizons_and_the_same_every_time(make_hourly: Make) -> None:
    built = features.build(make_hourly({"a": np.arange(400.0)}))
    drawn = matrix.examples(built, (1, 24), limit=100, seed=3)
    assert np.unique(drawn.horizon, return_counts=True)[1].tolist() == [50, 50]
    np.testing.assert_array_equal(drawn.inputs, matrix.examples(built, (1, 24), limit=100, seed=3).inputs)
    assert not np.array_equal(drawn.value, matrix.examples(built, (1, 24), limit=100, seed=4).value)
