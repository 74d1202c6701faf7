import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates.forecaster import LEVEL
from sensor_platform.predict.forecast.selection import conformal


def misses(half_width: float, actual: Floats) -> Floats:
    return (np.abs(actual) - half_width) / (2 * half_width + 0.05)


@pytest.mark.parametrize("half_width", [0.0, 0.01, 0.5, 1.0, 3.0], ids="half width {}".format)
@pytest.mark.parametrize("noise", ["normal", "laplace"])
def test_calibrated_intervals_cover_what_they_promise_on_new_data(half_width: float, noise: str) -> None:
    rng = np.random.default_rng(11)
    seen, new = getattr(rng, noise)(0, 1, 5000), getattr(rng, noise)(0, 1, 20000)
    widening = conformal.calibrate({1: misses(half_width, seen)})[1]
    ends = np.full(20000, half_width)
    lower, upper = conformal.widened(-ends, ends, 2 * ends + 0.05, widening.widths, np.zeros(20000))
    assert ((new >= lower) & (new <= upper)).mean() == pytest.approx(LEVEL, abs=0.015)
    assert widening.rests_on == "bucket"


def test_a_bucket_with_few_rows_borrows_from_all_and_none_at_all_takes_the_worst_miss() -> None:
    rng = np.random.default_rng(13)
    many, few = rng.normal(0, 1, 500), rng.normal(0, 1, 20)
    found = conformal.calibrate({1: many, 24: few})
    assert found[1].rests_on == "bucket"
    assert found[24] == conformal.Margin(conformal.calibrate({0: np.concatenate([many, few])})[0].widths, "pooled")
    assert conformal.calibrate({1: few})[1] == conformal.Margin(few.max(), "short history")
    assert conformal.calibrate({1: np.empty(0)})[1] == conformal.Margin(0.0, "short history")


@settings(max_examples=50)
@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3).map(sorted), st.floats(-10, 10), st.floats(0, 1e6))
def test_no_widening_ever_turns_an_interval_inside_out(ends: list[float], widening: float, width: float) -> None:
    low, middle, high = (np.array([each]) for each in ends)
    lower, upper = conformal.widened(low, high, np.array([width]), widening, middle)
    assert lower <= middle <= upper
