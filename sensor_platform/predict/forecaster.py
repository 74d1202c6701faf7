"""A trained forecaster: three LightGBM models (5, 50, 95 %) of the scaled difference from the last value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.predict.matrix import INPUTS, Floats, Inputs

if TYPE_CHECKING:
    import lightgbm as lgb

LEVEL = 0.9
"""Share of actuals that the interval is meant to cover."""
QUANTILES = {"lower": 0.05, "median": 0.5, "upper": 0.95}
_LEAST_WIDTH = 0.05
"""Part of the horizon's scale that is added to every width, so that a widening also reaches an interval of width 0."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Forecast quantiles in the metric's unit; lower <= median <= upper."""

    lower: Floats
    median: Floats
    upper: Floats


@dataclass(frozen=True, slots=True)
class Forecaster:
    """`boosters` by the names in QUANTILES; `scales` per horizon: mean absolute difference, the unit of the targets."""

    boosters: "Mapping[str, lgb.Booster]"
    scales: Mapping[int, float]

    def predict(self, inputs: Inputs, value: Floats, horizon: int) -> Quantiles:
        """Quantiles for rows of one horizon, not yet calibrated. `value` is the last value of each row."""
        if not len(value):
            return Quantiles(value, value, value)
        scale = self.scales[horizon]
        raw = [np.asarray(self.boosters[name].predict(inputs, num_threads=1)) for name in QUANTILES]
        ordered = np.sort(np.stack(raw), axis=0) * scale + value
        return Quantiles(*ordered)

    def texts(self) -> dict[str, str]:
        """The models in LightGBM's text format, by quantile name."""
        return {name: booster.model_to_string() for name, booster in self.boosters.items()}


def load(texts: Mapping[str, str], scales: Mapping[int, float]) -> Forecaster:
    """The forecaster that `texts` were written from; predictions are equal bit for bit.

    Raises:
        ValueError: a model is missing or was made for other inputs.
    """
    import lightgbm as lgb

    boosters = {name: lgb.Booster(model_str=texts[name]) for name in QUANTILES if name in texts}
    if set(boosters) != set(QUANTILES) or any(tuple(each.feature_name()) != INPUTS for each in boosters.values()):
        raise ValueError("these models were made for other inputs")
    return Forecaster(boosters, scales)


def width(quantiles: Quantiles, scale: float) -> Floats:
    """The length that widenings are measured in: the interval's own width, so that they fit series of any scale."""
    return quantiles.upper - quantiles.lower + _LEAST_WIDTH * scale


def widened(quantiles: Quantiles, widening: float, scale: float) -> Quantiles:
    """The interval widened (or narrowed, when negative) on both sides by `widening` widths; never past the median."""
    extra = widening * width(quantiles, scale)
    return Quantiles(
        lower=np.minimum(quantiles.lower - extra, quantiles.median),
        median=quantiles.median,
        upper=np.maximum(quantiles.upper + extra, quantiles.median),
    )
