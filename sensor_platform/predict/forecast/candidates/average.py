"""The mean of the linear model and LightGBM."""

from collections.abc import Mapping

from sensor_platform.predict.features.matrix import Examples
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates.boosted import LIGHTGBM
from sensor_platform.predict.forecast.candidates.candidate import FormulaCandidate
from sensor_platform.predict.forecast.candidates.linear import LINEAR


def _mean(_: Examples, earlier: Mapping[str, Floats]) -> Floats:
    return (earlier[LINEAR] + earlier[LIGHTGBM]) / 2


AVERAGE = FormulaCandidate("average", _mean, parts=(LINEAR, LIGHTGBM))
