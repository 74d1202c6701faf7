from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from sensor_platform.predict.features import feature_table as features
from sensor_platform.predict.features import matrix
from sensor_platform.predict.features.matrix import PanelSource
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast import model_files
from sensor_platform.predict.forecast.candidates import boosted, forecaster
from sensor_platform.predict.forecast.candidates.candidate_table import CANDIDATES
from sensor_platform.predict.forecast.selection import backtest, learn
from sensor_platform.predict.forecast.selection.adjust import adjust, apply_rules
from sensor_platform.predict.forecast.selection.choice import MARGIN, choose
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster

Make = Callable[..., pl.DataFrame]
Values = npt.NDArray[np.float64]
HORIZONS = (1, 6, 24)
FLOOR = np.sqrt(2 / np.pi)
"""Mean absolute value of Gaussian noise of sigma 1."""


def learned(
    rows: pl.DataFrame, horizons: tuple[int, ...] = HORIZONS, block: int = 14 * 24, seed: int = 7
) -> LearnedForecaster:
    found = learn.learn(PanelSource(features.build(rows)), horizons, block, seed)
    assert found is not None
    return found


def test_a_known_law_is_forecast_near_its_noise_floor(of_season: LearnedForecaster) -> None:
    for rule in of_season.rules:
        shares = rule.shares(CANDIDATES)
        assert sum(shares.get(name, 0.0) for name in ("linear", "average", "lightgbm")) >= 0.9
        assert 0.9 * FLOOR < rule.mae[rule.served] < 1.15 * FLOOR
        assert rule.mae["seasonal_naive"] == pytest.approx(FLOOR * np.sqrt(2), rel=0.1)


def test_the_interval_of_a_known_law_covers_nine_tenths_in_every_bucket(
    make_hourly: Make, of_season: LearnedForecaster
) -> None:
    rng = np.random.default_rng(99)
    hours = np.arange(60 * 24)
    fresh = 20 + 10 * np.sin(2 * np.pi * hours / 24) + rng.normal(0, 1, len(hours))
    source = PanelSource(features.build(make_hourly({"d0": fresh})))
    rows = matrix.examples(source, HORIZONS, source.panel.rows[300:])
    served = apply_rules(of_season.rules, rows, of_season.forecaster.forecast(rows))
    for horizon in HORIZONS:
        at = rows.horizon == horizon
        inside = (rows.actual >= served.lower) & (rows.actual <= served.upper)
        assert 0.86 < inside[at].mean() < 0.94


def test_a_random_walk_serves_persistence(make_hourly: Make) -> None:
    rng = np.random.default_rng(2)
    found = learned(make_hourly({f"d{i}": np.cumsum(rng.normal(0, 1, 60 * 24)) for i in range(4)}))
    for rule in found.rules:
        assert rule.mae[rule.served] <= min(rule.mae[name] for name in ("persistence", "seasonal_naive"))
    assert [rule.served for rule in found.rules] == ["persistence"] * 3


def test_pure_seasonality_is_served_without_error(make_hourly: Make) -> None:
    wave = (10 * np.sin(2 * np.pi * np.arange(45 * 24) / 24)).round(6)
    found = learned(make_hourly({"a": wave, "b": wave + 3}))
    assert max(rule.mae[rule.served] for rule in found.rules) < 1e-5


def test_a_constant_series_serves_its_constant_with_a_finite_interval(make_hourly: Make) -> None:
    found = learned(make_hourly({"a": np.full(900, 4.2)}))
    assert {rule.served for rule in found.rules} == {"persistence"}
    assert all(np.isfinite([rule.widening, *rule.mae.values()]).all() for rule in found.rules)


def test_a_linear_trend_is_followed_beyond_the_levels_seen(make_hourly: Make) -> None:
    found = learned(make_hourly({"a": np.arange(900.0), "b": 2 * np.arange(900.0)}))
    for rule in found.rules:
        assert rule.mae[rule.served] < 0.1 * rule.mae["persistence"]


def test_series_of_very_different_scale_are_each_forecast(make_hourly: Make) -> None:
    rng = np.random.default_rng(4)
    wave = np.sin(2 * np.pi * np.arange(40 * 24) / 24) + rng.normal(0, 0.1, 40 * 24)
    source = PanelSource(features.build(make_hourly({"small": wave, "large": 1e4 * np.roll(wave, 5)})))
    found = learn.learn(source, (6,), 14 * 24, 7)
    assert found is not None
    rows = matrix.examples(source, (6,))
    rows = rows.where(rows.seen > 24)
    error = np.abs(apply_rules(found.rules, rows, found.forecaster.forecast(rows)).value - rows.actual)
    small = rows.scale < 100
    assert error[small].mean() < 0.2
    assert error[~small].mean() < 2e3


def test_what_was_never_negative_is_never_forecast_negative(make_hourly: Make) -> None:
    rng = np.random.default_rng(5)
    rain = np.maximum(rng.normal(-1, 1, 40 * 24), 0)
    source = PanelSource(features.build(make_hourly({"a": rain})))
    found = learn.learn(source, (1, 6), 14 * 24, 7)
    assert found is not None
    rows = matrix.examples(source, (1, 6))
    said = found.forecaster.forecast(rows)
    assert min(said.lower.min(), *(each.min() for each in said.by_candidate.values())) >= 0
    wide = [msgspec.structs.replace(rule, widening=5.0) for rule in found.rules]
    assert apply_rules(wide, rows, said).lower.min() >= 0


def test_the_same_seed_gives_the_same_model_byte_for_byte_however_many_fits_run_at_once(
    seasonal_noise: PanelSource, of_season: LearnedForecaster
) -> None:
    again = learn.learn(seasonal_noise, HORIZONS, 14 * 24, 7, parallel_fits=1)
    other = learn.learn(seasonal_noise, HORIZONS, 14 * 24, 8)
    assert again is not None
    assert other is not None
    made = model_files.written(of_season.forecaster, of_season.record)
    assert model_files.written(again.forecaster, again.record) == made
    assert again.rules == of_season.rules
    assert model_files.written(other.forecaster, other.record) != made


def test_nothing_learnt_lies_behind_an_origin_and_nothing_judged_was_issued_before_it(
    seasonal_noise: PanelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[matrix.Examples] = []
    honest = forecaster.fit

    def spy(rows: matrix.Examples, *rest: object) -> object:
        seen.append(rows)
        return honest(rows, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(backtest, "fit", spy)
    found = backtest.backtest(seasonal_noise, (1, 24), 14 * 24, 7, 2)
    assert found is not None
    assert len(found.origins) == len(seen) == 4
    newest = int(seasonal_noise.panel.step.max())
    for learnt, origin, end in zip(seen, found.origins, (*found.origins[1:], newest + 1), strict=True):
        assert learnt.target.max() < origin
        judged = found.record.where((found.record.step >= origin) & (found.record.step < end))
        for horizon in (1, 24):
            assert judged.target[judged.horizon == horizon].min() - learnt.target.max() >= horizon


def test_changing_what_comes_after_an_origin_changes_nothing_that_was_learnt(make_hourly: Make) -> None:
    rng = np.random.default_rng(6)
    series = rng.normal(0, 1, 900)
    spoilt = series.copy()
    spoilt[700:] = -1e6
    honest, other = (PanelSource(features.build(make_hourly({"a": each}))) for each in (series, spoilt))
    origin = int(honest.panel.step.max()) - 199
    for source in (honest, other):
        assert source.panel.step.max() == honest.panel.step.max()
    first, second = (
        matrix.examples(each, (1, 6), each.panel.rows[each.panel.step[each.panel.rows] < origin], known_to=origin)
        for each in (honest, other)
    )
    np.testing.assert_array_equal(first.inputs, second.inputs)
    np.testing.assert_array_equal(first.actual, second.actual)


def test_no_value_at_all_is_nothing_to_learn_from(make_hourly: Make) -> None:
    assert learn.learn(PanelSource(features.build(make_hourly({"a": [1.0]})[:0])), HORIZONS, 100, 7) is None


@pytest.mark.parametrize("hours", [30, 60, 168])
def test_a_short_history_serves_a_baseline_with_an_interval_that_says_so(make_hourly: Make, hours: int) -> None:
    rng = np.random.default_rng(0)
    found = learned(make_hourly({"a": rng.normal(0, 1, hours)}), (1, 6))
    assert {rule.widening_rests_on for rule in found.rules} <= {"short history", "pooled"}
    source = PanelSource(features.build(make_hourly({"a": rng.normal(0, 1, hours)})))
    rows = matrix.examples(source, (1, 6))
    served = apply_rules(found.rules, rows, found.forecaster.forecast(rows))
    inside = (rows.actual >= served.lower) & (rows.actual <= served.upper)
    assert inside.mean() > 0.8
    assert np.isfinite([served.lower, served.upper]).all()


def test_fitting_on_too_little_is_refused(make_hourly: Make) -> None:
    source = PanelSource(features.build(make_hourly({"a": np.arange(50.0)})))
    few = matrix.examples(source, (1,))
    with pytest.raises(ValueError, match="200"):
        boosted.fit(few, source.layout, few.value, seed=1)


def test_the_simpler_is_kept_unless_the_other_is_clearly_better() -> None:
    tie = {"persistence": 1.0, "seasonal_naive": 0.999, "linear": 0.995, "lightgbm": 0.992, "mix": 0.992}
    served, why = choose(tie)
    assert served == "persistence"
    assert f"{MARGIN:.1%}" in why
    assert choose(tie | {"seasonal_naive": 0.9})[0] == "seasonal_naive"
    assert choose(tie | {"seasonal_naive": 0.9, "mix": 0.89})[0] == "seasonal_naive"
    assert choose(tie | {"mix": 0.8})[0] == "mix"
    assert choose(tie | {"mix": 0.8, "lightgbm": 0.795})[0] == "mix"
    assert choose(tie | {"mix": 0.8, "lightgbm": 0.7})[0] == "lightgbm"


def test_every_candidate_is_judged_on_the_same_rows(of_season: LearnedForecaster) -> None:
    assert of_season.record is not None
    assert set(of_season.record.by_candidate) == set(CANDIDATES)
    assert {len(each) for each in of_season.record.by_candidate.values()} == {len(of_season.record)}
    assert all(np.isfinite(each).all() for each in of_season.record.by_candidate.values())
    assert adjust(of_season.record, HORIZONS) == of_season.rules


def test_counting_gradients_in_integers_loses_nothing(
    seasonal_noise: PanelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = matrix.examples(seasonal_noise, (1, 24), limit=2_000, seed=1)
    given = boosted.parameters

    def told(seed: int) -> Floats:
        model = boosted.fit(rows, seasonal_noise.layout, rows.value, seed)
        return model.predict(rows, seasonal_noise.layout, rows.value)

    quick = told(7)
    monkeypatch.setattr(boosted, "parameters", lambda *of: given(*of) | {"use_quantized_grad": False})
    np.testing.assert_allclose(quick, told(7), rtol=1e-4, atol=1e-4)
