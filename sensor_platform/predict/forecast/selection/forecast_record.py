"""Forecast record: forecasts with their actuals, which selection, calibration, promotion and rollback are based on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.matrix import Examples
from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.forecast.candidates.forecaster import Forecasts

_EDGES = (1, 3, 6, 12, 24, 48, 96, 192)
"""Last horizons of the buckets; each bucket has one choice and one conformal margin."""


@dataclass(frozen=True, slots=True)
class HorizonBucket:
    """Horizons `first`..`last`, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"

    def holds(self, horizon: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        """Whether each horizon is one of the bucket's."""
        return (horizon >= self.first) & (horizon <= self.last)


def buckets(horizons: Sequence[int]) -> tuple[HorizonBucket, ...]:
    """The buckets that these horizons fall into."""
    wanted = sorted(horizons)
    edges = [edge for edge in _EDGES if edge < wanted[-1]] + [wanted[-1]]
    found = []
    first = 1
    for last in edges:
        inside = [horizon for horizon in wanted if first <= horizon <= last]
        if inside:
            found.append(HorizonBucket(inside[0], inside[-1]))
        first = last + 1
    return tuple(found)


@dataclass(frozen=True, slots=True)
class ForecastRecord:
    """One entry per forecast with an actual; arrays of one length, in the metric's unit."""

    step: Ints
    """Step of issue."""
    horizon: npt.NDArray[np.int32]
    actual: Floats
    by_candidate: Mapping[str, Floats]
    lower: Floats
    """Lower bound before calibration."""
    upper: Floats
    """Upper bound before calibration."""
    width: Floats

    def __len__(self) -> int:
        return len(self.actual)

    @property
    def target(self) -> Ints:
        """Step that each forecast was about."""
        return self.step + self.horizon

    @property
    def misses(self) -> Floats:
        """How far outside its interval each actual lies, in widths; negative inside."""
        outside = np.maximum(self.lower - self.actual, self.actual - self.upper)
        return outside / np.maximum(self.width, 1e-300)

    def where(self, mask: npt.NDArray[np.bool_] | Ints) -> "ForecastRecord":
        """The entries for which `mask` holds, or those at these places."""
        return ForecastRecord(
            self.step[mask],
            self.horizon[mask],
            self.actual[mask],
            {name: each[mask] for name, each in self.by_candidate.items()},
            self.lower[mask],
            self.upper[mask],
            self.width[mask],
        )

    def errors(self) -> dict[str, Floats]:
        """Absolute error of each candidate."""
        return {name: np.abs(each - self.actual) for name, each in self.by_candidate.items()}


def record_of(rows: Examples, forecasts: Forecasts) -> ForecastRecord:
    """The record of these forecasts, where the actual is known."""
    known = np.isfinite(rows.actual)
    return ForecastRecord(
        rows.step[known],
        rows.horizon[known],
        rows.actual[known],
        {name: each[known] for name, each in forecasts.by_candidate.items()},
        forecasts.lower[known],
        forecasts.upper[known],
        forecasts.width[known],
    )


def concatenate_records(parts: Sequence[ForecastRecord]) -> ForecastRecord:
    """All records in one, with the candidates that every part has."""
    names = [name for name in parts[0].by_candidate if all(name in part.by_candidate for part in parts)]
    return ForecastRecord(
        np.concatenate([part.step for part in parts]),
        np.concatenate([part.horizon for part in parts]),
        np.concatenate([part.actual for part in parts]),
        {name: np.concatenate([part.by_candidate[name] for part in parts]) for name in names},
        np.concatenate([part.lower for part in parts]),
        np.concatenate([part.upper for part in parts]),
        np.concatenate([part.width for part in parts]),
    )
