"""Conformal calibration (CQR): margins by which the quantile interval is widened, from newer forecasts.

Margins are measured in interval widths, so that one number fits series of any scale and a bucket with few rows can use
the margin of all buckets.
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
    """How far an interval is widened on both sides, in widths."""

    widths: float
    rests_on: str
    """Rows that it was computed from: `bucket`, `pooled` or `short history`."""


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


def wider(margin: Margin, misses: Floats) -> Margin:
    """The larger of this margin and the margin of these misses, if they are enough."""
    if margin.rests_on != "bucket" or len(misses) < LEAST_ROWS:
        return margin
    return Margin(max(margin.widths, _level(misses)), margin.rests_on)


def widened(
    lower: Floats, upper: Floats, width: Floats, margin: Floats | float, holds: Floats
) -> tuple[Floats, Floats]:
    """The interval widened by the margin (narrowed by a negative one), and extended to contain `holds`."""
    return np.minimum(lower - margin * width, holds), np.maximum(upper + margin * width, holds)


def _level(values: Floats) -> float:
    """The smallest margin that covers LEVEL of `values`, with the finite-sample correction of split conformal."""
    rank = min(math.ceil((len(values) + 1) * LEVEL), len(values))
    return float(np.partition(values, rank - 1)[rank - 1])
