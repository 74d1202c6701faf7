"""What ordinary rows outside of what was fit say: how far each sensor goes, and the thresholds that follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sensor_platform.predict.anomaly.block_scores import threshold
from sensor_platform.predict.anomaly.deviation import Deviations
from sensor_platform.predict.anomaly.reach import Reach, reach
from sensor_platform.predict.features.grid import Grid
from sensor_platform.predict.features.panel import Floats

_FOLDS = 8


@dataclass(frozen=True)
class Known:
    """Ordinary rows outside of what each was fit to, and what follows from them."""

    parts: Sequence[Deviations]
    sensors: int
    grid: Grid

    @cached_property
    def reach(self) -> Reach:
        """How far each sensor went."""
        return reach(self.parts, self.sensors, self.grid)

    @cached_property
    def scores(self) -> Sequence[Floats]:
        """Row scores, each by how far the other parts went: a reach flatters the rows that it was made from."""
        parts = list(self.parts)
        if len(parts) == 1:
            half = len(parts[0].level) // 2
            parts = [parts[0].rows(slice(half)), parts[0].rows(slice(half, None))]
        folds = min(len(parts), _FOLDS)
        others = [
            reach([each for place, each in enumerate(parts) if place % folds != fold], self.sensors, self.grid)
            for fold in range(folds)
        ]
        return [others[place % folds].applied(each).row_score() for place, each in enumerate(parts)]

    @cached_property
    def width(self) -> Floats:
        """How far from what was expected the level of each sensor lay in nine tenths of the rows, in its unit."""
        ordered = np.sort(np.abs(np.concatenate([each.level * each.unit for each in self.parts])), axis=0)
        count = np.isfinite(ordered).sum(axis=0)  # NaN comes last
        width: Floats = ordered[(np.maximum(count - 1, 0) * 0.9).astype(np.int64), np.arange(self.sensors)]
        return width

    @property
    def rows(self) -> int:
        """How many rows are known."""
        return sum(len(each.level) for each in self.parts)

    def limit(self, rate: float) -> float:
        """Threshold that this share of them exceeds."""
        return threshold(self.scores, rate)
