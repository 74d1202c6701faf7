"""What a spread of the reference is worth on rows that it was not fit to.

Sensors that drift or wander leave their band without anything being wrong, others hardly move in it. So each sensor's
deviations are measured by how far its ordinary rows went outside of what was fit: what then stands out, stands out
against the sensor's own past, and sensors weigh alike.

Where there is a daily rhythm, spreads are taken as they are: the reference holds four weeks and is renewed every week,
so that what it shows is what the next week will be like, and a reach only blurs it (ADR 7).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensor_platform.predict.anomaly.deviation import KINDS, Deviations
from sensor_platform.predict.features.grid import Grid
from sensor_platform.predict.features.panel import Floats

_SHARE = 0.95
_NORMAL = 1.96
"""Spreads within which this share of a normal distribution lies."""
_LEAST = 0.5
_FEWEST = 100
"""Rows: with fewer a sensor's spreads are taken as they are."""


@dataclass(frozen=True, slots=True)
class Reach:
    """For each sensor, by how much its spreads are wider than the reference said; shape (sensors,)."""

    level: Floats
    brief: Floats
    spread: Floats
    spike: Floats

    def applied(self, found: Deviations) -> Deviations:
        """Deviations in spreads that hold outside of the reference."""
        return Deviations(
            level=found.level / self.level,
            brief=found.brief / self.brief,
            spread=found.spread / self.spread,
            spike=found.spike / self.spike,
            expected=found.expected,
            unit=found.unit * self.level,
        )


def reach(past: Sequence[Deviations], sensors: int, grid: Grid) -> Reach:
    """From ordinary rows outside of what each was fit to; see `scoring.outside`."""
    if grid.season > 1:
        return Reach(*(np.ones(sensors) for _ in KINDS))
    return Reach(*(_wider([getattr(each, kind) for each in past], sensors) for kind in KINDS))


def _wider(parts: Sequence[Floats], sensors: int) -> Floats:
    ordered = np.sort(np.abs(np.concatenate([np.empty((0, sensors)), *parts])), axis=0)  # NaN comes last
    count = np.isfinite(ordered).sum(axis=0)
    if not len(ordered):
        return np.ones(sensors)
    far = ordered[(np.maximum(count - 1, 0) * _SHARE).astype(np.int64), np.arange(sensors)] / _NORMAL
    return np.where(count >= _FEWEST, np.maximum(far, _LEAST), 1.0)
