"""Validates readings by the rules of `readings_clean`: calibration, range, quality of the device, earlier readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sensor_platform.stream.columns import BAD, Bools, Floats, Readings
from sensor_platform.stream.growable import GrowableColumns
from sensor_platform.stream.look_back import LookBack, LookBackLimits
from sensor_platform.stream.series import NEVER, Ints, SeriesIndex

FOREVER = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class CalibrationInterval:
    """Calibrated value = value * gain + offset, for readings in [start, end), microseconds."""

    gain: float = 1.0
    offset: float = 0.0
    start: int = NEVER
    end: int = FOREVER


@dataclass(frozen=True, slots=True)
class EngineCatalog:
    """The part of the site's catalog that the engine needs."""

    limits: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """Metric to least and greatest valid value."""
    calibrations: Mapping[tuple[str, str], Sequence[CalibrationInterval]] = field(default_factory=dict)
    """(device, metric) to its periods, which do not overlap."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Metric to unit."""
    look_back: Mapping[str, LookBackLimits] = field(default_factory=dict)
    """Metric to the limits of comparisons with earlier readings."""


@dataclass(slots=True)
class Validator:
    """Calibrates readings and gives them verdicts. Caches the limits of each series."""

    catalog: EngineCatalog
    index: SeriesIndex
    slot: int = 600_000_000
    """Length of a slot, microseconds."""
    look_back: LookBack = field(init=False)
    _limits: GrowableColumns = field(
        default_factory=lambda: GrowableColumns({"low": ("f8", -np.inf), "high": ("f8", np.inf)})
    )
    _calibrated: dict[int, Sequence[CalibrationInterval]] = field(default_factory=dict)
    _known: int = 0

    def __post_init__(self) -> None:
        self.look_back = LookBack(self.catalog.look_back, self.index, self.slot)

    def validate(self, readings: Readings) -> Readings:
        """Calibrate the values and set the verdicts of readings, in place; returns them."""
        self._learn()
        series = readings.series
        value = self._calibrate(readings) if self._calibrated else readings.value
        with np.errstate(invalid="ignore"):
            is_bad: Bools = (value < self._limits["low"][series]) | (value > self._limits["high"][series])
        is_bad |= ~np.isfinite(value)
        readings.value = value
        readings.verdict = np.where(is_bad, np.uint8(BAD), readings.verdict)
        self.look_back.validate(readings)
        return readings

    def _learn(self) -> None:
        """Cache the limits of series that are new."""
        size = len(self.index)
        if self._known == size:
            return
        self._limits.grow(size)
        for series in range(self._known, size):
            metric = self.index.metric(series)
            low, high = self.catalog.limits.get(metric, (None, None))
            self._limits["low"][series] = -np.inf if low is None else low
            self._limits["high"][series] = np.inf if high is None else high
            if found := self.catalog.calibrations.get((self.index.device(series), metric)):
                self._calibrated[series] = found
        self._known = size

    def _calibrate(self, readings: Readings) -> Floats:
        value = readings.value.copy()
        for series in np.unique(readings.series).tolist():
            for each in self._calibrated.get(series, ()):
                rows = self._rows(readings, series)
                rows = rows[(readings.event_at[rows] >= each.start) & (readings.event_at[rows] < each.end)]
                with np.errstate(over="ignore"):
                    value[rows] = readings.value[rows] * each.gain + each.offset
        return value

    @staticmethod
    def _rows(readings: Readings, series: int) -> Ints:
        """Row numbers of one series, which are consecutive."""
        first, last = np.searchsorted(readings.series, [series, series + 1])
        return np.arange(first, last)
