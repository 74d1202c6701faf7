"""Which candidate is served when the newest evidence contradicts the older."""

import numpy as np
import pytest

from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.judge.adjust import adjust
from sensor_platform.predict.judge.choice import chosen
from sensor_platform.predict.judge.record import Record

DAYS, SERIES = 40, 5


def record(errors: dict[str, Floats], horizon: int = 6) -> Record:
    """Hourly forecasts of SERIES devices; `errors` per hour of issue and series, newest last."""
    hours = len(next(iter(errors.values())))
    step = np.repeat(np.arange(hours), SERIES)
    rows = len(step)
    none = np.zeros(rows)
    said = {name: each.ravel() for name, each in errors.items()}
    return Record(step, np.full(rows, horizon, np.int32), none, said, none, none, none + 1)


def noise(seed: int, size: float) -> Floats:
    return np.random.default_rng(seed).normal(0, size, (DAYS * 24, SERIES))


def with_newest(errors: Floats, days: int, size: float) -> Floats:
    changed = errors.copy()
    changed[-days * 24 :] *= size
    return changed


def test_a_model_that_broke_two_days_ago_is_no_longer_served_though_the_whole_record_favours_it() -> None:
    broken = with_newest(noise(1, 0.5), 2, 4.0)
    found = record({"persistence": noise(2, 1.0), "linear": broken})
    assert np.abs(broken).mean() < 0.99 * found.errors()["persistence"].mean()
    served, why = chosen(found)
    assert served == "persistence"
    assert "linear has become worse of late" in why


def test_a_baseline_that_broke_gives_way_to_the_model_that_did_not() -> None:
    broken = with_newest(noise(1, 0.5), 2, 6.0)
    assert chosen(record({"persistence": broken, "linear": noise(2, 0.9)}))[0] == "linear"


@pytest.mark.parametrize("seed", range(40))
def test_noise_alone_changes_nothing(seed: int) -> None:
    errors = {"persistence": noise(seed, 1.0), "linear": noise(seed + 1000, 0.95), "lightgbm": noise(seed + 2000, 1.0)}
    assert chosen(record(errors))[0] == "linear"


def test_a_record_too_short_to_know_what_varies_is_taken_as_a_whole() -> None:
    few = {"persistence": noise(1, 1.0)[:12], "linear": with_newest(noise(2, 0.5)[:12], 1, 1.0)}
    assert chosen(record(few))[0] == "linear"
    assert chosen(record({"persistence": np.empty((0, SERIES))}))[0] == "persistence"


def test_farther_than_anything_judged_the_best_baseline_of_nearer_horizons_is_served() -> None:
    known = record({"persistence": noise(1, 2.0), "seasonal_naive": noise(2, 1.0), "weekly_naive": noise(3, 3.0)}, 6)
    model = Record(
        known.step,
        known.horizon,
        known.actual,
        {**known.by_candidate, "linear": noise(4, 0.1).ravel()},
        known.lower,
        known.upper,
        known.width,
    )
    near, *_, far = adjust(model, (4, 5, 6, 100))
    assert (near.served, far.served) == ("linear", "seasonal_naive")
