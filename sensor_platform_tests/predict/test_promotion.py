from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import polars as pl
import pytest

from sensor_platform.predict import features, promotion
from sensor_platform.predict.config import ForecastConfig
from sensor_platform.predict.forecaster import Forecaster, Quantiles
from sensor_platform.predict.learn import Learned, learn
from sensor_platform.predict.matrix import Floats, Inputs
from sensor_platform.predict.registry import Model

Make = Callable[..., pl.DataFrame]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
BLOCK = 240


class Off(Forecaster):
    """A forecaster that is wrong by a stated amount more than another one."""

    __slots__ = ("by",)
    by: float

    def predict(self, inputs: Inputs, value: Floats, horizon: int) -> Quantiles:
        honest = Forecaster(self.boosters, self.scales).predict(inputs, value, horizon)
        return Quantiles(honest.lower, honest.median + self.by, honest.upper)


def off(forecaster: Forecaster, by: float) -> Forecaster:
    made = Off(forecaster.boosters, forecaster.scales)
    object.__setattr__(made, "by", by)
    return made


@pytest.fixture(scope="module")
def challenger(seasonal_noise: pl.DataFrame) -> Learned:
    found = learn("m", seasonal_noise, ForecastConfig(horizons=(1, 6), backtest_hours=BLOCK), NOW)
    assert isinstance(found, Learned)
    assert {each.served for each in found.card.horizons} == {"lightgbm"}
    return found


def champion(challenger: Learned, hours_ago: int, by: float = 0.0) -> Model:
    card = msgspec.structs.replace(challenger.card, trained_to=challenger.card.trained_to - timedelta(hours=hours_ago))
    return Model("m/older", card, off(challenger.backtested, by))


def test_a_first_model_is_promoted(challenger: Learned) -> None:
    assert promotion.decide(challenger, None).promoted


def test_an_equal_model_on_newer_data_is_promoted(challenger: Learned) -> None:
    decision = promotion.decide(challenger, champion(challenger, BLOCK))
    assert decision.promoted
    assert "champion's" in decision.why


def test_a_worse_challenger_is_refused_and_the_reason_names_both_errors(challenger: Learned) -> None:
    worse = replace(challenger, backtested=off(challenger.backtested, 1.0))
    decision = promotion.decide(worse, champion(challenger, BLOCK))
    assert not decision.promoted
    assert "against the champion's" in decision.why


def test_a_better_challenger_is_promoted(challenger: Learned) -> None:
    assert promotion.decide(challenger, champion(challenger, BLOCK, by=1.0)).promoted


def test_a_challenger_worse_than_persistence_is_refused(challenger: Learned) -> None:
    worse = replace(challenger, backtested=off(challenger.backtested, 50.0))
    decision = promotion.decide(worse, champion(challenger, 0, by=99.0))
    assert not decision.promoted
    assert "persistence" in decision.why


def test_a_champion_is_never_judged_on_hours_that_it_was_trained_on(challenger: Learned) -> None:
    knows_all = champion(challenger, 0)
    decision = promotion.decide(replace(challenger, backtested=off(challenger.backtested, 0.5)), knows_all)
    assert decision.promoted
    assert "0 hours are new" in decision.why


def test_a_champion_that_lacks_a_configured_horizon_gives_way(challenger: Learned) -> None:
    old = champion(challenger, BLOCK)
    narrow = Model(old.model_id, old.card, Forecaster(old.forecaster.boosters, {1: 1.0}))
    decision = promotion.decide(replace(challenger, backtested=off(challenger.backtested, 0.5)), narrow)
    assert decision.promoted
    assert "horizon" in decision.why


def test_a_served_baseline_is_judged_as_it_is_served(make_hourly: Make) -> None:
    wave = 10 * np.sin(2 * np.pi * np.arange(900) / 24)
    found = learn("m", features.build(make_hourly({"a": wave, "b": wave})), ForecastConfig(horizons=(6,)), NOW)
    assert isinstance(found, Learned)
    assert found.card.horizons[0].served == "seasonal_naive"
    errors = promotion._errors(found.card, off(found.backtested, 100.0), found.judged)
    assert errors.max() < 1e-9
