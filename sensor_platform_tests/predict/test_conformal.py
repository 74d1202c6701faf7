import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.predict import conformal
from sensor_platform.predict.forecaster import LEVEL, Quantiles, widened


def band(half_width: float, count: int) -> Quantiles:
    return Quantiles(np.full(count, -half_width), np.zeros(count), np.full(count, half_width))


@pytest.mark.parametrize("half_width", [0.01, 0.5, 1.0, 3.0], ids="half width {}".format)
@pytest.mark.parametrize("noise", ["normal", "laplace"])
def test_calibrated_intervals_cover_what_they_promise_on_new_data(half_width: float, noise: str) -> None:
    rng = np.random.default_rng(11)
    seen, new = getattr(rng, noise)(0, 1, 5000), getattr(rng, noise)(0, 1, 20000)
    widening = conformal.calibrate({1: conformal.misses(band(half_width, 5000), seen, 1.0)})[1]
    result = widened(band(half_width, 20000), widening.widths, 1.0)
    covered = ((new >= result.lower) & (new <= result.upper)).mean()
    assert covered == pytest.approx(LEVEL, abs=0.015)
    assert widening.rests_on == "horizon"


def test_one_widening_fits_series_of_very_different_scale() -> None:
    rng = np.random.default_rng(12)
    scale = np.repeat([1.0, 1000.0], 4000)
    noise = rng.normal(0, 1, 8000) * scale
    narrow = Quantiles(-scale, np.zeros(8000), scale)
    widening = conformal.calibrate({1: conformal.misses(narrow, noise, 1.0)})[1]
    result = widened(narrow, widening.widths, 1.0)
    inside = (noise >= result.lower) & (noise <= result.upper)
    assert inside[:4000].mean() == pytest.approx(LEVEL, abs=0.02)
    assert inside[4000:].mean() == pytest.approx(LEVEL, abs=0.02)


def test_a_horizon_with_few_rows_borrows_from_all_and_none_at_all_takes_the_worst_miss() -> None:
    rng = np.random.default_rng(13)
    many, few = rng.normal(0, 1, 500), rng.normal(0, 1, 20)
    found = conformal.calibrate({1: many, 24: few})
    assert found[1].rests_on == "horizon"
    assert found[24] == conformal.Widening(conformal.calibrate({0: np.concatenate([many, few])})[0].widths, "pooled")
    assert conformal.calibrate({1: few})[1] == conformal.Widening(few.max(), "short history")
    assert conformal.calibrate({1: np.empty(0)})[1] == conformal.Widening(0.0, "short history")


@settings(max_examples=50)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3).map(sorted),
    st.floats(-10, 10),
    st.floats(0, 1e6),
)
def test_no_widening_ever_turns_an_interval_inside_out(quantiles: list[float], widening: float, scale: float) -> None:
    result = widened(Quantiles(*(np.array([each]) for each in quantiles)), widening, scale)
    assert result.lower <= result.median <= result.upper


def test_an_interval_without_width_can_still_be_widened() -> None:
    flat = band(0.0, 200)
    widening = conformal.calibrate({1: conformal.misses(flat, np.linspace(-1, 1, 200), 1.0)})[1]
    result = widened(flat, widening.widths, 1.0)
    assert ((np.linspace(-1, 1, 200) >= result.lower) & (np.linspace(-1, 1, 200) <= result.upper)).mean() >= LEVEL
