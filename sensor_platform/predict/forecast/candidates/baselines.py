"""What a forecast must beat: the last value, and the newest value at the same hour of the day or of the week.

They are always there: where the hour of a seasonal one has a gap, the next simpler one stands in.
"""

import numpy as np

from sensor_platform.predict.features.matrix import Examples
from sensor_platform.predict.features.panel import Floats

PERSISTENCE = "persistence"
SEASONAL_NAIVE = "seasonal_naive"
WEEKLY_NAIVE = "weekly_naive"
LINEAR = "linear"
AVERAGE = "average"
LIGHTGBM = "lightgbm"
MIX = "mix"
"""Not a candidate: what is served where several of them are, each with a weight."""
BASELINES = (PERSISTENCE, SEASONAL_NAIVE, WEEKLY_NAIVE)
CANDIDATES = (*BASELINES, LINEAR, AVERAGE, LIGHTGBM)
"""In order of simplicity: a later one is served only where the backtest shows that it is better."""


def base_of(rows: Examples, *, is_seasonal: bool) -> Floats:
    """What a model measures its target from: the last or the seasonal value."""
    return np.where(np.isnan(rows.seasonal), rows.value, rows.seasonal) if is_seasonal else rows.value


def baselines(rows: Examples) -> dict[str, Floats]:
    """The three forecasts of each example."""
    seasonal = base_of(rows, is_seasonal=True)
    weekly = np.where(np.isnan(rows.weekly), seasonal, rows.weekly)
    return {PERSISTENCE: rows.value, SEASONAL_NAIVE: seasonal, WEEKLY_NAIVE: weekly}
