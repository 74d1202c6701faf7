from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from sensor_platform.home import Home
from sensor_platform.predict import features, registry, score
from sensor_platform.predict.config import ForecastConfig
from sensor_platform.predict.learn import Learned, learn
from sensor_platform.predict.registry import Model

Make = Callable[..., pl.DataFrame]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOURS = 50 * 24
TRAINED = 45 * 24


def series(seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    return 20 + 8 * np.sin(2 * np.pi * np.arange(HOURS) / 24) + rng.normal(0, 1, HOURS)


@pytest.fixture(scope="module")
def hours(make_hourly: Make) -> pl.DataFrame:
    return make_hourly({"a": series(1), "b": series(2), "c": series(3)})


@pytest.fixture(scope="module")
def model(hours: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Model:
    home = Home(Path(tmp_path_factory.mktemp("home")))
    past = hours.group_by("device_id", maintain_order=True).head(TRAINED)
    found = learn("m", features.build(past), ForecastConfig(horizons=(1, 6, 24), backtest_hours=240), NOW)
    assert isinstance(found, Learned)
    registry.save(home, found.card, found.texts)
    return registry.load(home, "m", found.card.version)


def serving(model: Model, served: str) -> Model:
    horizons = tuple(msgspec.structs.replace(each, served=served) for each in model.card.horizons)
    return Model(model.model_id, msgspec.structs.replace(model.card, horizons=horizons), model.forecaster)


def test_no_row_is_about_an_hour_that_the_model_was_trained_on(hours: pl.DataFrame, model: Model) -> None:
    rows = score.predictions(features.build(hours), model, NOW)
    trained_to = model.card.trained_to.replace(tzinfo=None)
    assert rows["target_at"].min() == trained_to + timedelta(hours=1)
    assert (rows["target_at"] > rows["trained_to"]).all()
    assert rows["trained_to"].unique().to_list() == [trained_to]
    assert rows["issued_at"].min() == trained_to - timedelta(hours=23)
    new_hours = HOURS - TRAINED
    assert rows.height == 3 * ((new_hours + 1) + (new_hours + 6) + (new_hours + 24))


def test_a_row_is_complete(hours: pl.DataFrame, model: Model) -> None:
    rows = score.predictions(features.build(hours), model, NOW)
    assert dict(rows.schema) == score.schema()
    assert rows.null_count().sum_horizontal().item() == 0
    ahead = rows.select((pl.col("target_at") - pl.col("issued_at")).dt.total_hours())
    assert ahead.to_series().to_list() == rows["horizon_hours"].to_list()
    assert rows["model_id"].unique().to_list() == [model.model_id]
    assert rows["interval"].unique().to_list() == [0.9]
    assert rows["created_at"].unique().to_list() == [NOW.replace(tzinfo=None)]
    assert rows.select(pl.struct(score.KEYS).is_duplicated().any()).item() is False


@pytest.mark.parametrize("served", ["lightgbm", "persistence", "seasonal_naive"])
def test_the_interval_holds_what_is_served_and_what_lightgbm_says(
    hours: pl.DataFrame, model: Model, served: str
) -> None:
    rows = score.predictions(features.build(hours), serving(model, served), NOW)
    for column in ("value", "lightgbm"):
        assert rows.select(pl.col(column).is_between("lower", "upper").all()).item()


def test_intervals_cover_the_hours_that_came_after(hours: pl.DataFrame, model: Model) -> None:
    actual = hours.select("device_id", pl.col("window_start").alias("target_at"), pl.col("mean").alias("actual"))
    rows = score.predictions(features.build(hours), model, NOW).join(actual, on=["device_id", "target_at"])
    assert rows.height > 900
    covered = rows.select(pl.col("actual").is_between("lower", "upper").mean()).item()
    assert 0.85 < covered < 0.97


@pytest.mark.parametrize("served", ["lightgbm", "persistence", "seasonal_naive"])
def test_what_the_backtest_chose_is_served_and_lightgbm_is_always_beside_it(
    hours: pl.DataFrame, model: Model, served: str
) -> None:
    built = features.build(hours)
    rows = score.predictions(built, serving(model, served), NOW)
    assert rows["served"].unique().to_list() == [served]
    assert_frame_equal(rows.select("lightgbm"), score.predictions(built, model, NOW).select("lightgbm"))
    six = rows.filter(pl.col("horizon_hours") == 6).join(
        built.select("device_id", pl.col("window_start").alias("issued_at"), last="value", seasonal="lag_18"),
        on=["device_id", "issued_at"],
    )
    expected = {"lightgbm": "lightgbm", "persistence": "last", "seasonal_naive": "seasonal"}[served]
    assert six["value"].to_list() == six[expected].to_list()


def test_a_gap_in_the_seasonal_hour_serves_the_last_value_and_says_so(make_hourly: Make, model: Model) -> None:
    gappy = series(1)
    gappy[HOURS - 1 - 18] = np.nan
    newest = features.build(make_hourly({"a": gappy}))[-1:]
    row = score.predictions(newest, serving(model, "seasonal_naive"), NOW).filter(pl.col("horizon_hours") == 6)
    assert row["served"].item() == "persistence"
    assert row["value"].item() == gappy[-1]


def test_a_device_never_seen_in_training_gets_a_forecast_from_its_second_hour(make_hourly: Make, model: Model) -> None:
    late = np.full(HOURS, np.nan)
    late[-2:] = [19.0, 21.0]
    rows = score.predictions(features.build(make_hourly({"new": late})), model, NOW)
    assert rows.height == 6
    assert rows.select(pl.col("value", "lower", "upper", "lightgbm").is_finite().all()).row(0) == (True,) * 4


def test_scoring_is_reproducible_and_rows_do_not_depend_on_each_other(hours: pl.DataFrame, model: Model) -> None:
    built = features.build(hours)
    whole = score.predictions(built, model, NOW)
    assert_frame_equal(
        score.predictions(built.sample(fraction=1, shuffle=True, seed=1), model, NOW), whole, check_exact=True
    )
    one = score.predictions(built.filter(pl.col("device_id") == "b"), model, NOW)
    assert_frame_equal(one, whole.filter(pl.col("device_id") == "b"), check_exact=True)


def test_no_features_give_no_predictions(hours: pl.DataFrame, model: Model) -> None:
    assert_frame_equal(score.predictions(features.build(hours)[:0], model, NOW), score.empty())
    assert_frame_equal(score.predictions(features.build(hours)[:50], model, NOW), score.empty())


def test_scoring_again_keeps_created_at_of_unchanged_rows_only(hours: pl.DataFrame, model: Model) -> None:
    built = features.build(hours)
    first = score.predictions(built, model, NOW)
    later = NOW + timedelta(hours=1)
    moved = built.with_columns(
        pl.when(pl.col("device_id") == "a").then(pl.col("value") + 1).otherwise("value").alias("value")
    )
    again = score.keeping_created_at(score.predictions(moved, model, later), first)
    assert again.height == first.height
    assert again.filter(pl.col("device_id") == "a")["created_at"].unique().to_list() == [later.replace(tzinfo=None)]
    assert again.filter(pl.col("device_id") != "a")["created_at"].unique().to_list() == [NOW.replace(tzinfo=None)]
    assert_frame_equal(score.keeping_created_at(first, pl.DataFrame()), first)
