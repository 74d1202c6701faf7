"""From feature rows to what LightGBM sees: one example per row and horizon.

Levels are given as differences from the last value, because a tree cannot extrapolate a level; the target is the
difference from the last value too. Whoever changes INPUTS or their meaning raises REVISION: models know their hash.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sensor_platform.predict import baselines
from sensor_platform.predict.features import DAY, KEYS, LAG_COLUMNS, NETWORK_COLUMNS

if TYPE_CHECKING:
    import polars as pl

Floats = npt.NDArray[np.float64]
Inputs = npt.NDArray[np.float32]

REVISION = 1
_LEVELS = (*LAG_COLUMNS, "mean_6h", "mean_24h", "mean_168h", *NETWORK_COLUMNS)
_SPREADS = ("std_6h", "std_24h", "std_168h")
INPUTS = (
    "horizon",
    "target_hour_of_day",
    "target_day_of_week",
    "value",
    *_LEVELS,
    "seasonal",
    "same_hour",
    "seasonal_move",
    "same_hour_move",
    *_SPREADS,
)
"""Columns of the model's input, in order. `_LEVELS`, `seasonal` and `same_hour` are differences from `value`;
`seasonal_move` is how far the day before went over the same hours, `same_hour_move` how far the last 7 days did."""
INPUT_HASH = hashlib.sha256(f"{REVISION}:{','.join(INPUTS)}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows to learn from or to be judged on; all arrays have one entry per example, in the metric's own unit."""

    inputs: Inputs
    """Shape (examples, len(INPUTS)); NaN where unknown."""
    horizon: npt.NDArray[np.int32]
    value: Floats
    """Last value seen; also the persistence forecast."""
    seasonal: Floats
    """Seasonal naive forecast; NaN where the hour has a gap."""
    actual: Floats
    issued_at: npt.NDArray[np.datetime64]
    target_at: npt.NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.value)

    def where(self, mask: npt.NDArray[np.bool_]) -> "Examples":
        """The examples for which `mask` holds."""
        return Examples(
            inputs=self.inputs[mask],
            horizon=self.horizon[mask],
            value=self.value[mask],
            seasonal=self.seasonal[mask],
            actual=self.actual[mask],
            issued_at=self.issued_at[mask],
            target_at=self.target_at[mask],
        )


def inputs(features: "pl.DataFrame", horizon: int) -> Inputs:
    """Model input of every feature row for one horizon, shape (rows, len(INPUTS))."""
    import polars as pl

    target = target_at(horizon)
    value, seasonal = pl.col("value"), baselines.seasonal_naive(horizon)
    same_hour = pl.col(f"same_hour_mean_{(horizon - 1) % DAY + 1}")
    expressions = [
        pl.lit(float(horizon)),
        target.dt.hour(),
        target.dt.weekday(),
        value,
        *(pl.col(name) - value for name in _LEVELS),
        seasonal - value,
        same_hour - value,
        seasonal - pl.col(f"lag_{DAY}"),
        same_hour - pl.col(f"same_hour_mean_{DAY}"),
        *(pl.col(name) for name in _SPREADS),
    ]
    named = [each.cast(pl.Float32).alias(name) for each, name in zip(expressions, INPUTS, strict=True)]
    return np.ascontiguousarray(features.select(named).to_numpy(), dtype=np.float32)


def target_at(horizon: int) -> "pl.Expr":
    """The hour that a forecast with this horizon is about."""
    import polars as pl

    return pl.col("window_start") + pl.duration(hours=horizon)


def examples(features: "pl.DataFrame", horizons: tuple[int, ...], limit: int | None = None, seed: int = 0) -> Examples:
    """Every feature row of one metric whose target hour was measured, for every horizon.

    Args:
        features: feature rows of one metric.
        horizons: hours ahead.
        limit: at most about this many examples, drawn at random with `seed`, evenly over the horizons.
        seed: of that draw.
    """
    per_horizon = None if limit is None else max(1, limit // len(horizons))
    parts = [_labelled(features, horizon, per_horizon, seed) for horizon in horizons]
    return Examples(
        inputs=np.concatenate([inputs(part, horizon) for horizon, part in zip(horizons, parts, strict=True)]),
        horizon=np.concatenate([np.full(part.height, h, np.int32) for h, part in zip(horizons, parts, strict=True)]),
        value=_stack(parts, "value"),
        seasonal=_stack(parts, "seasonal"),
        actual=_stack(parts, "actual"),
        issued_at=np.concatenate([part["window_start"].to_numpy() for part in parts]),
        target_at=np.concatenate([part["target_at"].to_numpy() for part in parts]),
    )


def _labelled(features: "pl.DataFrame", horizon: int, limit: int | None, seed: int) -> "pl.DataFrame":
    import polars as pl

    actual = features.select(*KEYS[:2], pl.col("window_start").alias("target_at"), pl.col("value").alias("actual"))
    seasonal = baselines.seasonal_naive(horizon).alias("seasonal")
    rows = features.with_columns(target_at(horizon).alias("target_at"), seasonal).join(
        actual, on=[*KEYS[:2], "target_at"], how="inner", maintain_order="left"
    )
    if limit is not None and rows.height > limit:
        drawn = np.random.default_rng([seed, horizon]).choice(rows.height, limit, replace=False)
        rows = rows[np.sort(drawn)]
    return rows


def _stack(parts: "list[pl.DataFrame]", column: str) -> Floats:
    return np.concatenate([part[column].to_numpy().astype(np.float64) for part in parts])


def as_utc64(moment: datetime) -> np.datetime64:
    """A UTC moment, aware or naive, as NumPy compares it with hours of a frame."""
    return np.datetime64(moment.replace(tzinfo=None), "us")
