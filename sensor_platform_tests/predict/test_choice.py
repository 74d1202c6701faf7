"""What is served: a mix, a candidate, and what when the newest evidence contradicts the older."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates.candidate_table import CANDIDATES
from sensor_platform.predict.forecast.selection.adjust import adjust
from sensor_platform.predict.forecast.selection.choice import CandidateChoice, chosen
from sensor_platform.predict.forecast.selection.ensemble import learnt, rounded
from sensor_platform.predict.forecast.selection.forecast_record import ForecastRecord

DAYS, SERIES = 40, 5


def record(errors: dict[str, Floats], horizon: int = 6) -> ForecastRecord:
    """Hourly forecasts of SERIES devices; `errors` per hour of issue and series, newest last."""
    hours = len(next(iter(errors.values())))
    step = np.repeat(np.arange(hours), SERIES)
    rows = len(step)
    none = np.zeros(rows)
    said = {name: each.ravel() for name, each in errors.items()}
    return ForecastRecord(step, np.full(rows, horizon, np.int32), none, said, none, none, none + 1)


def noise(seed: int, size: float) -> Floats:
    return np.random.default_rng(seed).normal(0, size, (DAYS * 24, SERIES))


def with_newest(errors: Floats, days: int, size: float) -> Floats:
    changed = errors.copy()
    changed[-days * 24 :] *= size
    return changed


def weight_of(choice: CandidateChoice, name: str) -> float:
    """What part of what is served is this candidate."""
    return choice.weights.get(name, 0.0) if choice.weights else float(choice.served == name)


def test_a_model_that_broke_two_days_ago_is_no_longer_served_though_the_whole_record_favours_it() -> None:
    broken = with_newest(noise(1, 0.5), 2, 4.0)
    found = record({"persistence": noise(2, 1.0), "linear": broken})
    assert np.abs(broken).mean() < 0.99 * found.errors()["persistence"].mean()
    choice = chosen(found)
    assert weight_of(choice, "persistence") >= 0.6
    assert "has become worse of late" in choice.why


def test_a_baseline_that_broke_gives_way_to_the_model_that_did_not() -> None:
    broken = with_newest(noise(1, 0.5), 2, 6.0)
    choice = chosen(record({"persistence": broken, "linear": noise(2, 0.9)}))
    assert weight_of(choice, "linear") >= 0.8


@pytest.mark.parametrize("seed", range(40))
def test_noise_alone_changes_nothing(seed: int) -> None:
    shared = noise(seed + 3000, 0.9)
    errors = {"persistence": shared + noise(seed, 0.5), "linear": shared, "lightgbm": shared + noise(seed + 2000, 0.5)}
    choice = chosen(record(errors))
    assert "of late" not in choice.why
    assert weight_of(choice, "linear") >= 0.6
    assert choice.mae[choice.served] < 1.02 * choice.mae["linear"]


@pytest.mark.parametrize("seed", range(10))
def test_a_storm_in_which_a_baseline_happens_to_be_better_is_no_change(seed: int) -> None:
    """Everything errs twenty times as much for half a day, the baseline a little less than the model."""
    shared = noise(seed, 0.9)
    errors = {"persistence": shared + noise(seed + 1000, 0.5), "linear": shared.copy()}
    errors["persistence"][-12:] = shared[-12:] * 20
    errors["linear"][-12:] = shared[-12:] * 20 * 1.15
    choice = chosen(record(errors, horizon=1))
    assert "of late" not in choice.why
    assert choice.mae[choice.served] < 1.02 * choice.mae["linear"] < choice.mae["persistence"]


def test_what_errs_in_different_ways_is_mixed_and_errs_less() -> None:
    found = record({"persistence": noise(1, 1.0), "linear": noise(2, 0.8), "lightgbm": noise(3, 0.8)})
    choice = chosen(found)
    assert choice.served == "mix"
    assert sum(choice.weights.values()) == pytest.approx(1)
    assert all((20 * weight) % 1 == pytest.approx(0) for weight in choice.weights.values())
    best = min(choice.mae[name] for name in ("persistence", "linear", "lightgbm"))
    assert choice.mae["mix"] < 0.8 * best
    # of independent errors each deserves the inverse of its variance
    assert [choice.weights[name] for name in ("persistence", "linear", "lightgbm")] == pytest.approx(
        [0.24, 0.38, 0.38], abs=0.08
    )
    (rule,) = adjust(found, (6,))
    assert (rule.served, rule.weights) == ("mix", choice.weights)
    error = np.abs(rule.value(found.by_candidate, np.ones(len(found), dtype=np.bool_))).mean()
    assert error == pytest.approx(choice.mae["mix"])
    assert rule.text() == " + ".join(
        f"{weight:.2f} {name}" for name, weight in sorted(choice.weights.items(), key=lambda each: -each[1])
    )


def test_a_mix_that_is_hardly_better_than_a_baseline_is_not_served() -> None:
    shared = noise(1, 1.0)
    assert chosen(record({"persistence": shared, "linear": shared * 0.995})).served == "persistence"
    assert chosen(record({"persistence": shared, "linear": shared * 0.9})).served == "linear"


def test_a_candidate_that_only_adds_error_gets_no_weight() -> None:
    shared = noise(1, 1.0)
    said = np.stack([shared.ravel(), shared.ravel() * 1.5, (shared + noise(2, 3.0)).ravel()], axis=1)
    edges = tuple(range(0, len(said) + 1, SERIES * 6))
    assert learnt(said, np.zeros(len(said)), edges).tolist() == [1, 0, 0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8).filter(lambda some: sum(some) > 1e-6))
def test_rounded_weights_sum_to_one_and_stay_near(raw: list[float]) -> None:
    weights = np.array(raw) / sum(raw)
    near = rounded(weights)
    assert near.sum() == pytest.approx(1)
    assert (near >= 0).all()
    assert np.abs(near - weights).max() < 1 / 20 + 1e-9


def test_a_record_too_short_to_know_what_varies_is_taken_as_a_whole() -> None:
    shared = noise(1, 0.5)[:12]
    few = {"persistence": shared + noise(2, 1.0)[:12], "linear": shared}
    assert weight_of(chosen(record(few)), "linear") >= 0.5
    assert chosen(record({"persistence": np.empty((0, SERIES))})).served == "persistence"


def test_where_a_candidate_of_the_mix_is_missing_the_next_simpler_one_takes_its_weight() -> None:
    (rule,) = adjust(record({"persistence": noise(1, 1.0), "linear": noise(2, 0.8), "lightgbm": noise(3, 0.8)}), (6,))
    shares = rule.shares({"persistence", "linear"})
    assert shares["linear"] == pytest.approx(rule.weights["linear"] + rule.weights["lightgbm"])
    assert sum(shares.values()) == pytest.approx(1)


def test_farther_than_anything_judged_the_best_baseline_of_nearer_horizons_is_served() -> None:
    known = record({"persistence": noise(1, 2.0), "seasonal_naive": noise(2, 1.0), "weekly_naive": noise(3, 3.0)}, 6)
    model = ForecastRecord(
        known.step,
        known.horizon,
        known.actual,
        {**known.by_candidate, "linear": noise(4, 0.1).ravel()},
        known.lower,
        known.upper,
        known.width,
    )
    near, *_, far = adjust(model, (4, 5, 6, 100))
    assert near.shares(CANDIDATES)["linear"] >= 0.9
    assert far.served == "seasonal_naive"


@pytest.mark.parametrize("seed", range(20))
def test_a_few_hours_of_a_single_series_are_no_change_of_law(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hours = 15 * 24
    persistence, linear = rng.normal(0, 1, (hours, 1)), rng.normal(0, 1.6, (hours, 1))
    persistence[-6:], linear[-6:] = 9.0, 0.1
    step, none = np.arange(hours), np.zeros(hours)
    said = {"persistence": persistence.ravel(), "linear": linear.ravel()}
    found = chosen(ForecastRecord(step, np.full(hours, 6, np.int32), none, said, none, none, none + 1))
    assert found.newest == 0
