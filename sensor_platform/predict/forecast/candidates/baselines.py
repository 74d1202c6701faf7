"""Baselines: the last value, and the newest value at the same hour of the day or of the week.

They forecast every example: where the hour of a seasonal one has a gap, the next simpler baseline is used.
"""

from collections.abc import Mapping

import numpy as np

from sensor_platform.predict.features.matrix import Examples
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates.candidate import FormulaCandidate

PERSISTENCE = "persistence"
SEASONAL_NAIVE = "seasonal_naive"
WEEKLY_NAIVE = "weekly_naive"


def base_of(rows: Examples, *, is_seasonal: bool) -> Floats:
    """What the target of a model is measured from: the last or the seasonal value."""
    return np.where(np.isnan(rows.seasonal), rows.value, rows.seasonal) if is_seasonal else rows.value


def _persistence(rows: Examples, _: Mapping[str, Floats]) -> Floats:
    return rows.value


def _seasonal_naive(rows: Examples, _: Mapping[str, Floats]) -> Floats:
    return base_of(rows, is_seasonal=True)


def _weekly_naive(rows: Examples, earlier: Mapping[str, Floats]) -> Floats:
    return np.where(np.isnan(rows.weekly), earlier[SEASONAL_NAIVE], rows.weekly)


BASELINE_CANDIDATES = (
    FormulaCandidate(PERSISTENCE, _persistence, is_baseline=True),
    FormulaCandidate(SEASONAL_NAIVE, _seasonal_naive, is_baseline=True),
    FormulaCandidate(WEEKLY_NAIVE, _weekly_naive, is_baseline=True),
)
