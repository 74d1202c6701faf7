"""The newest block is kept out of training, forecast, and compared: what to serve and how wide an interval must be.

A training target always lies before the block and a backtest forecast is issued inside it, so at least the horizon lies
between the last hour learnt from and the first hour judged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.predict import conformal, train
from sensor_platform.predict.baselines import LIGHTGBM, PERSISTENCE, SEASONAL_NAIVE
from sensor_platform.predict.forecaster import QUANTILES, Forecaster, Quantiles, widened
from sensor_platform.predict.matrix import Examples, Floats, as_utc64, examples

if TYPE_CHECKING:
    import polars as pl

MARGIN = 0.01
"""A less simple candidate is served only where its error is at least this share lower: a tie is not evidence."""


@dataclass(frozen=True, slots=True)
class HorizonResult:
    """One row of the backtest table. Errors in the metric's unit, coverages as shares; None without an actual."""

    horizon_hours: int
    rows: int
    mae_lightgbm: float | None
    mae_persistence: float | None
    mae_seasonal_naive: float | None
    pinball: float | None
    """Mean pinball loss over the 5, 50 and 95 % quantiles, before widening."""
    coverage_raw: float | None
    coverage_calibrated: float | None
    """On the newer half of the block, with the widening of its older half: an honest preview of live coverage."""
    widening: float
    widening_rests_on: str
    served: str
    why: str

    @property
    def mae_served(self) -> float | None:
        """Error of what is served."""
        errors: dict[str, float | None] = {
            LIGHTGBM: self.mae_lightgbm,
            PERSISTENCE: self.mae_persistence,
            SEASONAL_NAIVE: self.mae_seasonal_naive,
        }
        return errors[self.served]


@dataclass(frozen=True, slots=True)
class Split:
    """Examples learnt from and examples judged, of one metric."""

    learnt: Examples
    judged: Examples


def block_hours(history_hours: int, asked: int) -> int:
    """Length of the held-out block: as asked, but never more than a quarter of the history."""
    return min(asked, history_hours // 4)


def split(features: "pl.DataFrame", horizons: tuple[int, ...], block: int, seed: int) -> Split:
    """Learn before the newest `block` hours, judge what is issued inside them."""
    import polars as pl

    newest = features["window_start"].max()
    start = newest - timedelta(hours=block - 1)  # type: ignore[operator]  # Polars types max() as any literal
    learnt = examples(features.filter(pl.col("window_start") < start), horizons, train.MOST_EXAMPLES, seed)
    judged = examples(features.filter(pl.col("window_start") >= start), horizons, train.MOST_EXAMPLES, seed)
    assert not len(learnt) or learnt.target_at.max() < as_utc64(start)  # type: ignore[arg-type]
    return Split(learnt, judged)


def judge(forecaster: Forecaster, judged: Examples, horizons: tuple[int, ...]) -> tuple[HorizonResult, ...]:
    """The backtest table of `forecaster`: one result per horizon, in the order of `horizons`."""
    parts = {h: judged.where(judged.horizon == h) for h in horizons}
    forecasts = {h: forecaster.predict(part.inputs, part.value, h) for h, part in parts.items()}
    misses = {h: conformal.misses(forecasts[h], part.actual, forecaster.scales[h]) for h, part in parts.items()}
    widenings = conformal.calibrate(misses)
    checked = _coverage_of_newer_half(parts, forecasts, misses, forecaster.scales)
    return tuple(_result(h, parts[h], forecasts[h], widenings[h], checked[h]) for h in horizons)


def _result(
    horizon: int, part: Examples, forecast: Quantiles, widening: conformal.Widening, checked: float | None
) -> HorizonResult:
    errors = {
        LIGHTGBM: np.abs(forecast.median - part.actual),
        PERSISTENCE: np.abs(part.value - part.actual),
        SEASONAL_NAIVE: np.abs(part.seasonal - part.actual),
    }
    comparable = ~np.isnan(part.seasonal)
    served, why = choose({name: each[comparable] for name, each in errors.items()})
    inside = (part.actual >= forecast.lower) & (part.actual <= forecast.upper)
    return HorizonResult(
        horizon_hours=horizon,
        rows=len(part),
        mae_lightgbm=_mean(errors[LIGHTGBM]),
        mae_persistence=_mean(errors[PERSISTENCE]),
        mae_seasonal_naive=_mean(errors[SEASONAL_NAIVE][comparable]),
        pinball=_mean(_pinball(forecast, part.actual)),
        coverage_raw=_mean(inside.astype(np.float64)),
        coverage_calibrated=checked,
        widening=widening.widths,
        widening_rests_on=widening.rests_on,
        served=served,
        why=why,
    )


def choose(errors: Mapping[str, Floats]) -> tuple[str, str]:
    """What is served, and the reason in words, from each candidate's absolute errors on the same rows."""
    if not len(errors[PERSISTENCE]):
        return PERSISTENCE, "no actual in the backtest block to judge by"
    mean = {name: float(each.mean()) for name, each in errors.items()}
    best = PERSISTENCE
    for name in (SEASONAL_NAIVE, LIGHTGBM):
        if mean[name] < mean[best] * (1 - MARGIN):
            best = name
    others = ", ".join(f"{name} {value:.4g}" for name, value in mean.items() if name != best)
    return best, f"backtest error {mean[best]:.4g} against {others}; a less simple one must be {MARGIN:.0%} better"


def _coverage_of_newer_half(
    parts: Mapping[int, Examples],
    forecasts: Mapping[int, Quantiles],
    misses: Mapping[int, Floats],
    scales: Mapping[int, float],
) -> dict[int, float | None]:
    moments = np.concatenate([part.issued_at for part in parts.values()])
    if not len(moments):
        return dict.fromkeys(parts)
    middle = moments.min() + (moments.max() - moments.min()) // 2
    # The older half ends a horizon before the middle: its actuals were known when the newer half was issued.
    older = {h: misses[h][part.target_at <= middle] for h, part in parts.items()}
    widenings = conformal.calibrate(older)
    result: dict[int, float | None] = {}
    for h, part in parts.items():
        newer = part.issued_at > middle
        band = widened(forecasts[h], widenings[h].widths, scales[h])
        inside = (part.actual >= band.lower) & (part.actual <= band.upper)
        result[h] = _mean(inside[newer].astype(np.float64))
    return result


def _pinball(forecast: Quantiles, actual: Floats) -> Floats:
    losses = [
        np.maximum(alpha * (actual - each), (alpha - 1) * (actual - each))
        for alpha, each in zip(QUANTILES.values(), (forecast.lower, forecast.median, forecast.upper), strict=True)
    ]
    return np.asarray(np.mean(losses, axis=0))


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None
