"""Conformal calibration (CQR): widen the quantile interval by what the backtest block shows to be missing.

Widenings are measured in interval widths (`forecaster.width`), so that one number fits series of different scale and a
horizon with few rows can borrow from all horizons.
"""

import math
from dataclasses import dataclass

import numpy as np

from sensor_platform.predict.forecaster import LEVEL, Quantiles, width
from sensor_platform.predict.matrix import Floats

LEAST_ROWS = 100
"""A horizon with fewer backtest rows uses all horizons together; with fewer than this in all, the largest miss seen."""


@dataclass(frozen=True, slots=True)
class Widening:
    """How far an interval is widened, in widths, and what that rests on: `horizon`, `pooled` or `short history`."""

    widths: float
    rests_on: str


def misses(quantiles: Quantiles, actual: Floats, scale: float) -> Floats:
    """How far outside its interval each actual lies, in widths; negative inside."""
    outside = np.maximum(quantiles.lower - actual, actual - quantiles.upper)
    return np.asarray(outside / width(quantiles, scale))


def calibrate(by_horizon: dict[int, Floats]) -> dict[int, Widening]:
    """Widening per horizon from the misses of the calibration block."""
    pooled = np.concatenate(list(by_horizon.values()))
    fallback = (
        Widening(_level(pooled), "pooled")
        if len(pooled) >= LEAST_ROWS
        else Widening(float(max(pooled.max(initial=0.0), 0.0)), "short history")
    )
    return {
        horizon: Widening(_level(values), "horizon") if len(values) >= LEAST_ROWS else fallback
        for horizon, values in by_horizon.items()
    }


def _level(values: Floats) -> float:
    """The smallest widening that covers LEVEL of `values`, with the finite-sample correction of split conformal."""
    rank = min(math.ceil((len(values) + 1) * LEVEL), len(values))
    return float(np.partition(values, rank - 1)[rank - 1])
