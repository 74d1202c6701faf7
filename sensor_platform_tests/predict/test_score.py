from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from sensor_platform.predict import revisions
from sensor_platform.predict.features import feature_table as features
from sensor_platform.predict.features.matrix import PanelSource
from sensor_platform.predict.features.panel import Ints
from sensor_platform.predict.forecast import new_version, predict
from sensor_platform.predict.forecast.candidates.candidate_table import CANDIDATES
from sensor_platform.predict.forecast.forecaster_registry import ForecastModel
from sensor_platform.predict.forecast.selection.learn import learn

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
def source(hours: pl.DataFrame) -> PanelSource:
    return PanelSource(features.build(hours))


@pytest.fixture(scope="module")
def model(hours: pl.DataFrame) -> ForecastModel:
    past = PanelSource(features.build(hours.group_by("device_id", maintain_order=True).head(TRAINED)))
    found = learn(past, (1, 6, 24), 240, 7)
    assert found is not None
    card, _ = new_version.version("m", past, found, (1, 6, 24), 7, NOW)
    return ForecastModel("m/1", card, found.forecaster)


def predicted(
    source: PanelSource, model: ForecastModel, served: str | None = None, index: Ints | None = None
) -> pl.DataFrame:
    rules = model.card.rules
    if served is not None:
        rules = tuple(msgspec.structs.replace(rule, served=served) for rule in rules)
    chosen = source.panel.rows if index is None else index
    return predict.predictions(source, chosen, "m", model, rules, NOW)


def test_no_row_is_about_an_hour_that_the_model_was_trained_on(source: PanelSource, model: ForecastModel) -> None:
    rows = predicted(source, model)
    trained_to = model.card.trained_to.replace(tzinfo=None)
    assert rows["target_at"].min() == trained_to + timedelta(hours=1)
    assert (rows["target_at"] > rows["trained_to"]).all()
    assert rows["issued_at"].min() == trained_to - timedelta(hours=23)
    new_hours = HOURS - TRAINED
    assert rows.height == 3 * ((new_hours + 1) + (new_hours + 6) + (new_hours + 24))


def test_a_row_is_complete(source: PanelSource, model: ForecastModel) -> None:
    rows = predicted(source, model)
    assert dict(rows.schema) == predict.schema()
    # which ledger position its inputs came from is known to who reads them
    assert rows.drop("inputs_position").null_count().sum_horizontal().item() == 0
    ahead = rows.select((pl.col("target_at") - pl.col("issued_at")).dt.total_hours())
    assert ahead.to_series().to_list() == rows["horizon_hours"].to_list()
    assert rows["model_id"].unique().to_list() == ["m/1"]
    assert rows["created_at"].unique().to_list() == [NOW.replace(tzinfo=None)]
    assert rows.select(pl.struct(predict.KEYS).is_duplicated().any()).item() is False


@pytest.mark.parametrize("served", CANDIDATES)
def test_what_was_chosen_is_served_inside_its_interval_and_lightgbm_is_always_beside_it(
    source: PanelSource, model: ForecastModel, served: str
) -> None:
    rows = predicted(source, model, served)
    assert rows["served"].unique().to_list() == [served]
    assert rows["value"].to_list() == rows[served].to_list()
    assert rows.select(pl.col("value").is_between("lower", "upper").all()).item()
    assert_frame_equal(rows.select("lightgbm"), predicted(source, model).select("lightgbm"))


def test_a_mix_can_be_made_again_from_the_row_that_says_its_weights(source: PanelSource, model: ForecastModel) -> None:
    weights = {"seasonal_naive": 0.25, "linear": 0.75}
    rules = tuple(msgspec.structs.replace(rule, served="mix", weights=weights) for rule in model.card.rules)
    rows = predict.predictions(source, source.panel.rows, "m", model, rules, NOW)
    assert rows["served"].unique().to_list() == ["0.75 linear + 0.25 seasonal_naive"]
    again = 0.75 * rows["linear"] + 0.25 * rows["seasonal_naive"]
    np.testing.assert_allclose(rows["value"].to_numpy(), again.to_numpy(), atol=1e-12)
    assert rows.select(pl.col("value").is_between("lower", "upper").all()).item()


def test_intervals_cover_the_hours_that_came_after(
    hours: pl.DataFrame, source: PanelSource, model: ForecastModel
) -> None:
    actual = hours.select("device_id", pl.col("window_start").alias("target_at"), pl.col("mean").alias("actual"))
    rows = predicted(source, model).join(actual, on=["device_id", "target_at"])
    assert rows.height > 900
    assert 0.85 < rows.select(pl.col("actual").is_between("lower", "upper").mean()).item() < 0.97


def test_a_device_never_seen_in_training_gets_a_forecast_from_its_second_hour(
    make_hourly: Make, model: ForecastModel
) -> None:
    late = np.full(HOURS, np.nan)
    late[-2:] = [19.0, 21.0]
    rows = predicted(PanelSource(features.build(make_hourly({"new": late}))), model)
    assert rows.height == 6
    assert rows.select(pl.col("value", "lower", "upper", "lightgbm").is_finite().all()).row(0) == (True,) * 4


def test_rows_do_not_depend_on_each_other(source: PanelSource, model: ForecastModel, hours: pl.DataFrame) -> None:
    whole = predicted(source, model)
    some = predicted(source, model, index=source.panel.rows[::3])
    assert_frame_equal(some, whole.join(some, on=predict.KEYS, how="semi"), check_exact=True)


def test_no_features_give_no_predictions(source: PanelSource, model: ForecastModel) -> None:
    assert_frame_equal(predicted(source, model, index=source.panel.rows[:0]), predict.empty())


def changed(rows: pl.DataFrame, devices: Sequence[str]) -> pl.DataFrame:
    return rows.with_columns(
        pl.when(pl.col("device_id").is_in(devices)).then(pl.col("value") + 1).otherwise("value").alias("value"),
        pl.lit((NOW + timedelta(hours=1)).replace(tzinfo=None), pl.Datetime("us")).alias("created_at"),
    )


def test_a_changed_forecast_is_a_new_revision_and_an_unchanged_one_is_no_news(
    source: PanelSource, model: ForecastModel
) -> None:
    first = predicted(source, model)
    second = revisions.revised(changed(first, ["a"]), first, predict.KEYS)
    assert second.filter(pl.col("device_id") == "a")["revision"].unique().to_list() == [1]
    unchanged = pl.col("device_id") != "a"
    assert_frame_equal(second.filter(unchanged), first.filter(unchanged))
    third = revisions.revised(changed(second, ["a"]), second, predict.KEYS)
    assert third.filter(pl.col("device_id") == "a")["revision"].unique().to_list() == [2]
    assert_frame_equal(revisions.revised(first, pl.DataFrame(), predict.KEYS), first)


def test_what_is_superseded_is_kept_with_the_time_of_it(source: PanelSource, model: ForecastModel) -> None:
    first = predicted(source, model)
    second = revisions.revised(changed(first, ["a"]), first, predict.KEYS)
    gone = revisions.superseded(second, first, predict.KEYS, NOW + timedelta(hours=2))
    assert_frame_equal(gone.drop("superseded_at"), first.filter(pl.col("device_id") == "a"))
    assert gone["superseded_at"].unique().to_list() == [(NOW + timedelta(hours=2)).replace(tzinfo=None)]
    assert revisions.superseded(first, first, predict.KEYS, NOW).is_empty()
    assert revisions.superseded(first, pl.DataFrame(), predict.KEYS, NOW).is_empty()
