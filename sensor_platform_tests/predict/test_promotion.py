from dataclasses import replace

import msgspec
import numpy as np
import pytest

from sensor_platform.predict.features.matrix import PanelSource
from sensor_platform.predict.forecast import promotion
from sensor_platform.predict.forecast.candidates.candidate_table import BASELINES
from sensor_platform.predict.forecast.selection.adjust import ServingRule
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster
from sensor_platform_tests.predict.promotions import decide, incumbent, spoilt

BLOCK = 14 * 24


@pytest.fixture(scope="module")
def challenger(of_season: LearnedForecaster) -> LearnedForecaster:
    return of_season


def test_a_first_model_is_promoted(challenger: LearnedForecaster) -> None:
    assert decide(challenger, None).promoted


def test_a_worse_challenger_is_refused_and_the_reason_names_both_errors(
    challenger: LearnedForecaster, seasonal_noise: PanelSource
) -> None:
    decision = decide(spoilt(challenger, 0.3), incumbent(challenger, seasonal_noise, BLOCK))
    assert not decision.promoted
    assert "against the champion's" in decision.why


def test_a_better_challenger_is_promoted(challenger: LearnedForecaster, seasonal_noise: PanelSource) -> None:
    assert decide(challenger, incumbent(challenger, seasonal_noise, BLOCK, by=1.0)).promoted


def test_a_challenger_that_is_worse_in_one_bucket_only_is_refused(
    challenger: LearnedForecaster, seasonal_noise: PanelSource
) -> None:
    champion = incumbent(challenger, seasonal_noise, BLOCK, by=0.8)
    assert decide(challenger, champion).promoted
    decision = decide(spoilt(challenger, 1.2, (6,)), champion)
    assert not decision.promoted
    assert "at 6-6 h" in decision.why


def test_a_challenger_worse_than_the_baselines_is_refused(challenger: LearnedForecaster) -> None:
    decision = decide(spoilt(challenger, 50.0), None)
    assert not decision.promoted
    assert "baseline" in decision.why


def test_an_interval_that_does_not_cover_is_refused(challenger: LearnedForecaster) -> None:
    decision = decide(replace(challenger, coverage=0.5), None)
    assert not decision.promoted
    assert "covered 50.0%" in decision.why


def test_a_model_of_unreasonable_size_is_refused(challenger: LearnedForecaster) -> None:
    huge = bytes(promotion.MOST_BYTES + 1)
    decision = promotion.decide(challenger, {"median.txt": huge}, None)
    assert not decision.promoted
    assert "bytes" in decision.why


def test_a_champion_is_never_judged_on_hours_that_it_was_trained_on(
    challenger: LearnedForecaster, seasonal_noise: PanelSource
) -> None:
    """Nor is it replaced without a comparison."""
    decision = decide(challenger, incumbent(challenger, seasonal_noise, 0))
    assert not decision.promoted
    assert "only 0 hours are new to the champion" in decision.why


@pytest.mark.parametrize(("by", "promoted"), [(0.3, False), (0.0, True)])
def test_within_a_day_the_recipes_are_compared_in_the_whole_backtest(
    challenger: LearnedForecaster, seasonal_noise: PanelSource, by: float, promoted: bool
) -> None:
    champion = replace(incumbent(challenger, seasonal_noise, 3), record=challenger.record)
    decision = decide(spoilt(challenger, by), champion)
    assert decision.promoted is promoted
    assert "recipe in the whole backtest; only 3 hours are new to it" in decision.why


def test_a_difference_that_chance_explains_refuses_nobody(challenger: LearnedForecaster) -> None:
    """Two models as good as each other, a day of hours each time: 1 in 20 is refused, though many differ by 2 %."""
    rng, refused, apart = np.random.default_rng(1), 0, 0
    rule = msgspec.structs.replace(challenger.rules[0], first=1, last=1)
    for _ in range(400):
        target = np.repeat(np.arange(24), 2)
        own, other = np.abs(rng.normal(0, 1, (2, 48)))
        judged = challenger.judged
        assert judged is not None
        rows = replace(judged.where(np.arange(48)), step=target - 1, horizon=np.ones(48, np.int32))
        refused += not promotion._compared(rows, own, other, (rule,), "").promoted
        apart += own.mean() > other.mean() * 1.02
    assert apart > 100
    assert refused < 0.1 * 400


def test_a_champion_that_lacks_a_configured_horizon_gives_way(
    challenger: LearnedForecaster, seasonal_noise: PanelSource
) -> None:
    champion = incumbent(challenger, seasonal_noise, BLOCK)
    narrow = replace(champion, card=msgspec.structs.replace(champion.card, horizons=(1,)))
    decision = decide(spoilt(challenger, 0.3), narrow)
    assert decision.promoted
    assert "horizon" in decision.why


def test_a_served_baseline_is_judged_as_it_is_served(challenger: LearnedForecaster) -> None:
    served = tuple(msgspec.structs.replace(rule, served="seasonal_naive") for rule in challenger.rules)
    assert challenger.record is not None
    errors = promotion.served_errors(challenger.record, served)
    expected = np.abs(challenger.record.by_candidate["seasonal_naive"] - challenger.record.actual)
    np.testing.assert_array_equal(errors, expected)
    assert isinstance(served[0], ServingRule)
    mixed = tuple(msgspec.structs.replace(r, served="mix", weights={"linear": 0.5, "lightgbm": 0.5}) for r in served)
    average = np.abs(challenger.record.by_candidate["average"] - challenger.record.actual)
    np.testing.assert_allclose(promotion.served_errors(challenger.record, mixed), average, atol=1e-9)


def test_a_rule_that_rests_on_the_newest_forecasts_is_judged_by_these(challenger: LearnedForecaster) -> None:
    """As a whole the record speaks against what it serves: that is why only its newest part counted."""
    record = challenger.record
    assert record is not None
    older = record.target < np.quantile(record.target, 0.8)
    said = {name: each if name in BASELINES else each + 50.0 * older for name, each in record.by_candidate.items()}
    broken = replace(challenger, record=replace(record, by_candidate=said))
    assert not decide(broken, None).promoted
    newest = int((record.horizon == 6).sum() * 0.15)
    rules = tuple(msgspec.structs.replace(rule, newest=newest) for rule in broken.rules)
    assert decide(replace(broken, rules=rules), None).promoted
