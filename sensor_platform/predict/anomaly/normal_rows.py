"""Normal rows outside of the reference that they were compared with: spread factors and thresholds.

Some sensors drift or wander out of their band although nothing is wrong, others hardly move in it. So the deviations of
each sensor are divided by how far its normal rows went outside of the reference. Then a row stands out if it stands out
against the sensor's own history, and all sensors have equal weight.

Where there is a daily season the factors are 1: the reference covers four weeks and is renewed every week, so it
represents the next week well, and a factor would only add noise (ADR 7).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sensor_platform.predict.anomaly.block_scores import threshold
from sensor_platform.predict.anomaly.deviation import KINDS, Deviations
from sensor_platform.predict.features.grid import Grid
from sensor_platform.predict.features.panel import Floats

_SHARE = 0.95
_NORMAL = 1.96
"""Spreads within which this fraction of a normal distribution lies."""
_LEAST = 0.5
_FEWEST = 100
"""With fewer rows the factor of a sensor is 1."""


@dataclass(frozen=True, slots=True)
class SpreadFactors:
    """Factor of each sensor by which its spreads outside of the reference are wider than in it; shape (sensors,)."""

    level: Floats
    brief: Floats
    spread: Floats
    spike: Floats

    def applied(self, found: Deviations) -> Deviations:
        """Deviations divided by the factors."""
        return Deviations(
            level=found.level / self.level,
            brief=found.brief / self.brief,
            spread=found.spread / self.spread,
            spike=found.spike / self.spike,
            expected=found.expected,
            unit=found.unit * self.level,
        )


def spread_factors(past: Sequence[Deviations], sensors: int, grid: Grid) -> SpreadFactors:
    """Spread factors from deviations of normal rows outside of their reference, see `out_of_sample_deviations`."""
    if grid.season > 1:
        return SpreadFactors(*(np.ones(sensors) for _ in KINDS))
    return SpreadFactors(*(_wider([getattr(each, kind) for each in past], sensors) for kind in KINDS))


def _wider(parts: Sequence[Floats], sensors: int) -> Floats:
    ordered = np.sort(np.abs(np.concatenate([np.empty((0, sensors)), *parts])), axis=0)  # NaN comes last
    count = np.isfinite(ordered).sum(axis=0)
    if not len(ordered):
        return np.ones(sensors)
    far = ordered[(np.maximum(count - 1, 0) * _SHARE).astype(np.int64), np.arange(sensors)] / _NORMAL
    return np.where(count >= _FEWEST, np.maximum(far, _LEAST), 1.0)


_FOLDS = 8


@dataclass(frozen=True)
class NormalRows:
    """Deviations of normal rows outside of the reference of each, and the figures that follow from them."""

    parts: Sequence[Deviations]
    sensors: int
    grid: Grid

    @cached_property
    def spread_factors(self) -> SpreadFactors:
        """Spread factors of all parts."""
        return spread_factors(self.parts, self.sensors, self.grid)

    @cached_property
    def scores(self) -> Sequence[Floats]:
        """Row scores of each part, with the factors of the other parts: factors fit their own rows too well."""
        parts = list(self.parts)
        if len(parts) == 1:
            half = len(parts[0].level) // 2
            parts = [parts[0].rows(slice(half)), parts[0].rows(slice(half, None))]
        folds = min(len(parts), _FOLDS)
        others = [
            spread_factors([each for place, each in enumerate(parts) if place % folds != fold], self.sensors, self.grid)
            for fold in range(folds)
        ]
        return [others[place % folds].applied(each).row_score() for place, each in enumerate(parts)]

    @cached_property
    def width(self) -> Floats:
        """Distance from the expected value within which 90 % of the levels of each sensor lie, in its unit."""
        ordered = np.sort(np.abs(np.concatenate([each.level * each.unit for each in self.parts])), axis=0)
        count = np.isfinite(ordered).sum(axis=0)  # NaN comes last
        width: Floats = ordered[(np.maximum(count - 1, 0) * 0.9).astype(np.int64), np.arange(self.sensors)]
        return width

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(len(each.level) for each in self.parts)

    def limit(self, rate: float) -> float:
        """Threshold that this fraction of the rows exceeds."""
        return threshold(self.scores, rate)
