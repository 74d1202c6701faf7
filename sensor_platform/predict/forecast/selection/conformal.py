"""Conformal calibration (CQR): widen the quantile interval by what newer forecasts show to be missing.

Widenings are measured in interval widths, so that one number fits series of different scale and a bucket with few
rows can borrow from all buckets.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates.forecaster import LEVEL

LEAST_ROWS = 100
"""A bucket with fewer rows uses all buckets together; with fewer than this in all, the largest miss seen."""

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Margin:
    """How far an interval is widened, in widths, and what that rests on: `bucket`, `pooled` or `short history`."""

    widths: float
    rests_on: str


def calibrate(misses: Mapping[_Key, Floats]) -> dict[_Key, Margin]:
    """Margin per bucket from the misses of the calibration block."""
    pooled = np.concatenate([*misses.values(), np.empty(0)])
    fallback = (
        Margin(_level(pooled), "pooled")
        if len(pooled) >= LEAST_ROWS
        else Margin(float(max(pooled.max(initial=0.0), 0.0)), "short history")
    )
    return {
        key: Margin(_level(values), "bucket") if len(values) >= LEAST_ROWS else fallback
        for key, values in misses.items()
    }


def wider(widening: Margin, misses: Floats) -> Margin:
    """The same, or what these misses ask for where that is more and there are enough of them."""
    if widening.rests_on != "bucket" or len(misses) < LEAST_ROWS:
        return widening
    return Margin(max(widening.widths, _level(misses)), widening.rests_on)


def widened(
    lower: Floats, upper: Floats, width: Floats, widening: Floats | float, holds: Floats
) -> tuple[Floats, Floats]:
    """The interval widened (or narrowed, when negative) on both sides, and stretched to hold what is served."""
    return np.minimum(lower - widening * width, holds), np.maximum(upper + widening * width, holds)


def _level(values: Floats) -> float:
    """The smallest widening that covers LEVEL of `values`, with the finite-sample correction of split conformal."""
    rank = min(math.ceil((len(values) + 1) * LEVEL), len(values))
    return float(np.partition(values, rank - 1)[rank - 1])
