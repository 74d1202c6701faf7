from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.predict.features import feature_table as features
from sensor_platform.predict.features import matrix
from sensor_platform.predict.features.grid import Grid, grid_for
from sensor_platform.predict.features.matrix import PanelSource
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates.baselines import BASELINE_CANDIDATES

Make = Callable[..., pl.DataFrame]


def source(make_hourly: Make, series: dict[str, np.ndarray], other: dict[str, np.ndarray] | None = None) -> PanelSource:
    panel = features.build(make_hourly(series))
    return PanelSource(panel, {"o": features.build(make_hourly(other))} if other else {})


def baselines(rows: matrix.Examples) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for candidate in BASELINE_CANDIDATES:
        found[candidate.name] = candidate.compute(rows, found)
    return found


@settings(max_examples=40, deadline=None)
@given(horizon=st.integers(1, 168))
def test_seasonal_forecasts_are_the_newest_known_value_at_the_targets_hour(make_hourly: Make, horizon: int) -> None:
    found = source(make_hourly, {"a": np.arange(400.0)})
    issued = 300
    said = baselines(matrix.examples_at(found, found.panel.rows[[issued]], horizon))
    for name, season in (("seasonal_naive", 24), ("weekly_naive", 168)):
        assert said[name] == next(h for h in range(issued, -1, -1) if (issued + horizon - h) % season == 0)
    assert said["persistence"] == issued


def test_a_gap_in_the_seasonal_hour_is_stood_in_for_by_the_last_value(make_hourly: Make) -> None:
    series = np.arange(400.0)
    series[300 + 6 - 24] = np.nan
    found = source(make_hourly, {"a": series})
    said = baselines(matrix.examples_at(found, np.array([300 + 168]), 6))
    assert said["seasonal_naive"] == said["persistence"] == 300
    assert said["weekly_naive"] == 300 + 6 - 168


@pytest.mark.parametrize("horizon", [1, 5, 24, 30, 168])
def test_examples_pair_each_hour_with_the_value_exactly_that_many_hours_later(make_hourly: Make, horizon: int) -> None:
    series = np.arange(400.0)
    series[100:130] = np.nan
    found = matrix.examples(source(make_hourly, {"a": series, "b": -series}), (horizon,))
    assert len(found) == 2 * sum(
        np.isfinite(series[h]) and np.isfinite(series[h + horizon]) for h in range(400 - horizon)
    )
    np.testing.assert_array_equal(np.abs(found.actual), np.abs(found.value) + horizon)
    np.testing.assert_array_equal(found.target - found.step, horizon)


def test_levels_are_given_to_the_model_as_differences_so_that_an_offset_changes_nothing(make_hourly: Make) -> None:
    series = np.sin(np.arange(400.0))
    low, high = (source(make_hourly, {"a": series + offset}) for offset in (0.0, 1024.0))
    level = low.layout.names.index("value")
    first, second = (np.delete(matrix.inputs(each, each.panel.rows, 6), level, axis=1) for each in (low, high))
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_a_limit_draws_evenly_over_the_horizons_and_the_same_every_time(make_hourly: Make) -> None:
    built = source(make_hourly, {"a": np.arange(400.0)})
    drawn = matrix.examples(built, (1, 24), limit=100, seed=3)
    assert np.unique(drawn.horizon, return_counts=True)[1].tolist() == [50, 50]
    np.testing.assert_array_equal(drawn.inputs, matrix.examples(built, (1, 24), limit=100, seed=3).inputs)
    assert not np.array_equal(drawn.value, matrix.examples(built, (1, 24), limit=100, seed=4).value)


HOURLY_AND_TEN_MINUTES = [grid_for(3_600_000_000, 400, 24), grid_for(600_000_000, 3_000, 200)]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    cut=st.integers(0, 399),
    horizon=st.sampled_from([1, 6, 24, 100, 168]),
    keep=st.floats(0.2, 1.0),
    grid=st.sampled_from(HOURLY_AND_TEN_MINUTES),
)
def test_altering_the_future_never_changes_an_input(
    make_hourly: Make, seed: int, cut: int, horizon: int, keep: float, grid: Grid
) -> None:
    rng = np.random.default_rng(seed)
    own, other = rng.normal(5, 3, (2, 2, 400))
    own[rng.random(own.shape) > keep] = np.nan
    honest = _inputs(make_hourly, own, other, cut, horizon, grid)
    own[:, cut + 1 :], other[:, cut + 1 :] = rng.normal(1e6, 1, own[:, cut + 1 :].shape), -1e6
    np.testing.assert_array_equal(_inputs(make_hourly, own, other, cut, horizon, grid), honest)


def _inputs(make_hourly: Make, own: np.ndarray, other: np.ndarray, cut: int, horizon: int, grid: Grid) -> matrix.Inputs:
    """Inputs of the rows up to `cut`."""
    frames = (make_hourly({f"d{i}": row for i, row in enumerate(each)}) for each in (own, other))
    first, second = (features.build(frame.with_columns(_squeezed(frame, grid)), grid) for frame in frames)
    start = 1767225600 * 1_000_000 // grid.step_us
    rows = first.rows[first.step[first.rows] <= start + cut]
    return matrix.inputs(PanelSource(first, {"o": second}), rows, horizon)


def _squeezed(frame: pl.DataFrame, grid: Grid) -> pl.Series:
    """The hours as steps of `grid`."""
    start = pl.lit(frame["window_start"].dt.truncate("1y").min())
    hours = (pl.col("window_start") - start).dt.total_hours()
    return frame.select((start + pl.duration(microseconds=hours * grid.step_us)).alias("window_start")).to_series()


def test_another_metric_is_seen_at_the_time_of_issue_and_missing_where_it_is_missing(make_hourly: Make) -> None:
    other = np.arange(300.0) * 10
    other[250] = np.nan
    found = source(make_hourly, {"a": np.zeros(300), "b": np.zeros(300)}, {"a": other})
    names = found.layout.names
    inputs = matrix.inputs(found, found.panel.rows, 3)
    level, move = inputs[:, names.index("level:0")], inputs[:, names.index("move_1:0")]
    assert level[200] == 2000
    assert move[200] == 10
    assert np.isnan(level[250])
    assert np.isnan(level[300:]).all()


def test_two_layouts_share_a_hash_only_if_they_are_equal() -> None:
    layouts = [
        matrix.InputLayout(),
        matrix.InputLayout(others=("x",)),
        matrix.InputLayout(others=("y",)),
        matrix.InputLayout(others=("x", "y")),
    ]
    assert len({each.sha256 for each in layouts}) == len(layouts)
    assert matrix.InputLayout(others=("x",)).sha256 == layouts[1].sha256
