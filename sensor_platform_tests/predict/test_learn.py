from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import polars as pl
import pytest

from sensor_platform.predict import backtest, features, forecaster, matrix, train
from sensor_platform.predict.config import ForecastConfig
from sensor_platform.predict.learn import Learned, Waiting, learn

Make = Callable[..., pl.DataFrame]
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def learned(rows: pl.DataFrame, config: ForecastConfig) -> Learned:
    found = learn("m", rows, config, NOW)
    assert isinstance(found, Learned)
    return found


@pytest.fixture(scope="module")
def of_season(seasonal_noise: pl.DataFrame, forecast_config: ForecastConfig) -> Learned:
    return learned(seasonal_noise, forecast_config)


@pytest.fixture(scope="module")
def of_walk(random_walk: pl.DataFrame, forecast_config: ForecastConfig) -> Learned:
    return learned(random_walk, forecast_config)


def test_a_known_law_is_forecast_near_its_noise_floor(of_season: Learned) -> None:
    floor = np.sqrt(2 / np.pi)  # mean absolute value of Gaussian noise of sigma 1
    for horizon in of_season.card.horizons:
        assert horizon.served == "lightgbm"
        assert horizon.mae_lightgbm is not None
        assert 0.9 * floor < horizon.mae_lightgbm < 1.25 * floor
        assert horizon.mae_seasonal_naive == pytest.approx(floor * np.sqrt(2), rel=0.1)


def test_a_random_walk_serves_persistence_or_nothing_worse(of_walk: Learned) -> None:
    for horizon in of_walk.card.horizons:
        best = min(horizon.mae_persistence or 0, horizon.mae_seasonal_naive or 0)
        served = {"lightgbm": horizon.mae_lightgbm, "persistence": horizon.mae_persistence}[horizon.served]
        assert served is not None
        assert served <= best
    assert of_walk.card.horizons[0].served == "persistence"


def test_pure_seasonality_is_served_without_error(make_hourly: Make, forecast_config: ForecastConfig) -> None:
    wave = 10 * np.sin(2 * np.pi * np.arange(45 * 24) / 24).round(6)
    found = learned(features.build(make_hourly({"a": wave, "b": wave + 3})), forecast_config)
    served = {each.horizon_hours: each.served for each in found.card.horizons}
    assert served == {1: "seasonal_naive", 6: "seasonal_naive", 24: "persistence"}


def test_a_constant_series_serves_its_constant_with_a_finite_interval(
    make_hourly: Make, forecast_config: ForecastConfig
) -> None:
    found = learned(features.build(make_hourly({"a": np.full(900, 4.2)})), forecast_config)
    assert {each.served for each in found.card.horizons} == {"persistence"}
    assert all(np.isfinite([each.scale, each.widening]).all() for each in found.card.horizons)


def test_a_linear_trend_is_followed_beyond_the_levels_seen(make_hourly: Make, forecast_config: ForecastConfig) -> None:
    found = learned(features.build(make_hourly({"a": np.arange(900.0), "b": 2 * np.arange(900.0)})), forecast_config)
    for horizon in found.card.horizons:
        assert horizon.mae_lightgbm is not None
        assert horizon.mae_persistence is not None
        assert horizon.mae_lightgbm < 0.25 * horizon.mae_persistence


def test_the_same_seed_gives_the_same_model_byte_for_byte_however_many_fits_run_at_once(
    seasonal_noise: pl.DataFrame, forecast_config: ForecastConfig, of_season: Learned
) -> None:
    shuffled = seasonal_noise.sample(fraction=1.0, shuffle=True, seed=5)
    alone = msgspec.structs.replace(forecast_config, parallel_fits=1)
    again = learned(shuffled, alone)
    assert again.texts == of_season.texts
    assert again.card == of_season.card
    other = learned(seasonal_noise, msgspec.structs.replace(forecast_config, seed=8))
    assert other.texts != of_season.texts


def test_a_model_reloaded_from_text_predicts_the_same_bits(of_season: Learned, seasonal_noise: pl.DataFrame) -> None:
    scales = {each.horizon_hours: each.scale for each in of_season.card.horizons}
    inputs, value = matrix.inputs(seasonal_noise, 6), seasonal_noise["value"].to_numpy()
    once = forecaster.load(of_season.texts, scales)
    twice = forecaster.load(once.texts(), scales)
    first, second = once.predict(inputs, value, 6), twice.predict(inputs, value, 6)
    for name in ("lower", "median", "upper"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    direct = of_season.backtested
    reloaded = forecaster.load(direct.texts(), direct.scales)
    np.testing.assert_array_equal(direct.predict(inputs, value, 6).median, reloaded.predict(inputs, value, 6).median)


def test_a_model_made_for_other_inputs_is_refused(of_season: Learned) -> None:
    text = {name: each.replace("horizon", "elsewhere") for name, each in of_season.texts.items()}
    with pytest.raises(ValueError, match="other inputs"):
        forecaster.load(text, {})


def test_nothing_learnt_lies_in_the_block_and_nothing_judged_was_issued_before_it(seasonal_noise: pl.DataFrame) -> None:
    split = backtest.split(seasonal_noise, (1, 24), 14 * 24, seed=7)
    newest = seasonal_noise["window_start"].max()
    assert isinstance(newest, datetime)
    start = matrix.as_utc64(newest - timedelta(hours=14 * 24 - 1))
    assert split.learnt.target_at.max() < start
    assert split.judged.issued_at.min() == start
    gap = split.judged.target_at.min() - split.learnt.target_at.max()
    assert gap > np.timedelta64(1, "h")
    for horizon in (1, 24):
        first = split.judged.target_at[split.judged.horizon == horizon].min()
        assert first - split.learnt.target_at.max() > np.timedelta64(horizon, "h")


def test_changing_the_block_changes_nothing_that_was_learnt(seasonal_noise: pl.DataFrame) -> None:
    block = pl.col("window_start") >= pl.col("window_start").max() - pl.duration(hours=14 * 24 - 1)
    spoilt = seasonal_noise.with_columns(pl.when(block).then(-1e6).otherwise("value").alias("value"))
    honest, other = (backtest.split(frame, (1, 6), 14 * 24, seed=7).learnt for frame in (seasonal_noise, spoilt))
    np.testing.assert_array_equal(honest.inputs, other.inputs)
    np.testing.assert_array_equal(honest.actual, other.actual)


@pytest.mark.parametrize(
    ("hours", "reason"),
    [(0, "no hourly value"), (30, "30 of the 168 hours"), (167, "167 of the 168 hours")],
)
def test_a_metric_without_enough_history_waits_and_says_what_is_missing(
    make_hourly: Make, forecast_config: ForecastConfig, hours: int, reason: str
) -> None:
    found = learn("m", features.build(make_hourly({"a": np.arange(200.0)[:hours]})), forecast_config, NOW)
    assert isinstance(found, Waiting)
    assert reason in found.reason


def test_a_history_with_hardly_any_value_waits(make_hourly: Make, forecast_config: ForecastConfig) -> None:
    series = np.full(400, np.nan)
    series[::50] = 1.0
    series[-1] = 1.0
    found = learn("m", features.build(make_hourly({"a": series})), forecast_config, NOW)
    assert isinstance(found, Waiting)
    assert "gaps" in found.reason


def test_one_week_of_one_device_is_enough(make_hourly: Make, forecast_config: ForecastConfig) -> None:
    rng = np.random.default_rng(0)
    found = learned(features.build(make_hourly({"a": rng.normal(0, 1, 168)})), forecast_config)
    assert {each.widening_rests_on for each in found.card.horizons} == {"short history"}


def test_fitting_on_too_little_is_refused(make_hourly: Make) -> None:
    few = matrix.examples(features.build(make_hourly({"a": np.arange(50.0)})), (1,))
    with pytest.raises(ValueError, match="200"):
        train.fit(few, seed=1)


def test_examples_are_bounded_whatever_the_history(
    monkeypatch: pytest.MonkeyPatch, seasonal_noise: pl.DataFrame
) -> None:
    monkeypatch.setattr(train, "MOST_EXAMPLES", 900)
    split = backtest.split(seasonal_noise, (1, 6, 24), 240, seed=1)
    assert len(split.learnt) == 900


def test_the_simpler_candidate_is_kept_unless_the_other_is_clearly_better() -> None:
    ones = np.ones(50)
    served, why = backtest.choose({"persistence": ones, "seasonal_naive": 0.995 * ones, "lightgbm": 0.992 * ones})
    assert served == "persistence"
    assert "1%" in why
    assert (
        backtest.choose({"persistence": ones, "seasonal_naive": 0.9 * ones, "lightgbm": 0.95 * ones})[0]
        == "seasonal_naive"
    )
    assert backtest.choose({"persistence": ones, "seasonal_naive": 0.9 * ones, "lightgbm": 0.8 * ones})[0] == "lightgbm"
    none = np.empty(0)
    assert backtest.choose({"persistence": none, "seasonal_naive": none, "lightgbm": none})[0] == "persistence"


def test_the_card_says_what_was_done(of_season: Learned, seasonal_noise: pl.DataFrame) -> None:
    card = of_season.card
    assert card.trained_to.replace(tzinfo=None) == seasonal_noise["window_start"].max()
    assert card.trained_from.replace(tzinfo=None) == seasonal_noise["window_start"].min()
    assert card.backtest_from == card.trained_to - timedelta(hours=14 * 24 - 1)
    assert card.devices == 4
    assert card.inputs == matrix.INPUTS
    assert card.parameters["deterministic"] is True
    assert card.parameters["num_threads"] == 1
    assert set(card.libraries) == {"lightgbm", "numpy", "polars"}
    assert replace(of_season, card=card).card.seed == 7
