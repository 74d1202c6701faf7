"""The comparison with limits that several rule kinds share."""

from dataclasses import dataclass, field

import numpy as np

from sensor_platform.stream.columns import Floats, Readings
from sensor_platform.stream.observations import Levels, Observations, PreviousReadings
from sensor_platform.stream.rule_kinds.rule import RuleObserver


@dataclass(slots=True)
class LimitObserver(RuleObserver):
    """Compares values with limits by level. Remembers nothing."""

    above: dict[int, float] = field(default_factory=dict)
    below: dict[int, float] = field(default_factory=dict)
    outside: dict[int, tuple[float, float]] = field(default_factory=dict)
    margin: float = 0.0
    """Distance inside a limit within which a level that was reached is kept."""

    def observe(self, readings: Readings, previous: PreviousReadings) -> Observations:
        """Every reading is an observation."""
        del previous
        value = readings.value
        raw, hold = self._levels(value, 0.0), self._levels(value, self.margin)
        return Observations(readings.series, readings.event_at, readings.received_at, value, raw, hold)

    def _levels(self, value: Floats, margin: float) -> Levels:
        levels = np.zeros(len(value), np.uint8)
        for level in (1, 2):
            is_over = np.zeros(len(value), np.bool_)
            if level in self.above:
                is_over |= value > self.above[level] - margin
            if level in self.below:
                is_over |= value < self.below[level] + margin
            if level in self.outside:
                low, high = self.outside[level]
                is_over |= (value < low + margin) | (value > high - margin)
            levels[is_over] = level
        return levels
