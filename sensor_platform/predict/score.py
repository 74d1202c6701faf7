"""Feature rows and a champion in, prediction rows out. Pure: created_at and everything else comes in as a parameter."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.predict import matrix
from sensor_platform.predict.baselines import LIGHTGBM, PERSISTENCE, SEASONAL_NAIVE, persistence, seasonal_naive
from sensor_platform.predict.forecaster import widened

if TYPE_CHECKING:
    import polars as pl

    from sensor_platform.predict.card import HorizonCard
    from sensor_platform.predict.registry import Model

KEYS = ("device_id", "metric", "issued_at", "horizon_hours")
COLUMNS = (
    *KEYS,
    "target_at",
    "value",
    "lower",
    "upper",
    "interval",
    "lightgbm",
    "served",
    "model_id",
    "trained_to",
    "created_at",
)


def schema() -> "dict[str, pl.DataType]":
    """Types of a prediction row; times are naive UTC microseconds."""
    import polars as pl

    text, number, time = pl.String(), pl.Float64(), pl.Datetime("us")
    kinds: dict[str, pl.DataType] = dict.fromkeys(("device_id", "metric", "served", "model_id"), text)
    kinds |= dict.fromkeys(("value", "lower", "upper", "interval", "lightgbm"), number)
    kinds |= dict.fromkeys(("issued_at", "target_at", "trained_to", "created_at"), time)
    kinds["horizon_hours"] = pl.Int32()
    return {name: kinds[name] for name in COLUMNS}


def empty() -> "pl.DataFrame":
    """No predictions."""
    import polars as pl

    return pl.DataFrame(schema=schema())


def predictions(features: "pl.DataFrame", model: "Model", created_at: datetime) -> "pl.DataFrame":
    """Prediction rows of one metric, sorted by KEYS.

    A row exists only where its target lies after everything that the model was trained on: a fit is not a forecast.

    Args:
        features: feature rows of the model's metric.
        model: verified champion.
        created_at: aware UTC.

    Returns:
        COLUMNS. `lightgbm` is LightGBM's own median; `value` is what the backtest chose to serve (the last value where
        a seasonal one has a gap); lower..upper is LightGBM's calibrated interval, stretched to hold `value`.
    """
    import polars as pl

    parts = [_one_horizon(features, model, each, created_at) for each in model.card.horizons]
    return pl.concat([empty(), *parts]).sort(KEYS)


def of_hours(rows: "pl.DataFrame", metric: str, hours: "pl.Series") -> "pl.DataFrame":
    """Prediction rows of one metric that were issued at one of these hours; `rows` may be a table never made."""
    import polars as pl

    if not rows.width:
        return empty()
    return rows.filter(pl.col("metric") == metric, pl.col("issued_at").is_in(hours.implode())).select(COLUMNS)


def keeping_created_at(rows: "pl.DataFrame", before: "pl.DataFrame") -> "pl.DataFrame":
    """`rows`, with the older created_at where `before` holds the same row: scoring again is no news.

    Args:
        rows: prediction rows.
        before: prediction rows that they replace; without columns if there was no table.
    """
    import polars as pl

    if before.is_empty():
        return rows
    same = [name for name in COLUMNS if name != "created_at"]
    older = before.select(*same, pl.col("created_at").alias("older"))
    joined = rows.join(older, on=same, how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("older", "created_at").alias("created_at")).select(COLUMNS)


def changed_hours(rows: "pl.DataFrame", before: "pl.DataFrame") -> set[datetime]:
    """Hours of issue, aware UTC, of which `rows` says something else than `before`."""
    old = before.select(COLUMNS) if before.width else empty()
    changed = {
        hour
        for one, other in ((rows, old), (old, rows))
        for hour in one.join(other, on=COLUMNS, how="anti")["issued_at"]
    }
    return {hour.replace(tzinfo=UTC) for hour in changed}


def _one_horizon(
    features: "pl.DataFrame", model: "Model", horizon: "HorizonCard", created_at: datetime
) -> "pl.DataFrame":
    import polars as pl

    hours = horizon.horizon_hours
    trained_to = _naive(model.card.trained_to)
    rows = features.filter(matrix.target_at(hours) > trained_to)
    value = rows["value"].to_numpy()
    forecast = model.forecaster.predict(matrix.inputs(rows, hours), value, hours)
    band = widened(forecast, horizon.widening, horizon.scale)
    served, chosen = _served(rows, horizon, forecast.median)
    frame = rows.select(
        "device_id",
        "metric",
        pl.col("window_start").alias("issued_at"),
        pl.lit(hours, pl.Int32).alias("horizon_hours"),
        matrix.target_at(hours).alias("target_at"),
    )
    return frame.with_columns(
        pl.Series("value", chosen),
        pl.Series("lower", np.minimum(band.lower, chosen)),
        pl.Series("upper", np.maximum(band.upper, chosen)),
        pl.lit(model.card.interval).alias("interval"),
        pl.Series("lightgbm", forecast.median),
        pl.Series("served", served, dtype=pl.String),
        pl.lit(model.model_id).alias("model_id"),
        pl.lit(trained_to, pl.Datetime("us")).alias("trained_to"),
        pl.lit(_naive(created_at), pl.Datetime("us")).alias("created_at"),
    ).select(COLUMNS)


def _served(rows: "pl.DataFrame", horizon: "HorizonCard", median: matrix.Floats) -> tuple[list[str], matrix.Floats]:
    if horizon.served == LIGHTGBM:
        return [LIGHTGBM] * rows.height, median
    last = rows.select(persistence()).to_series().to_numpy().astype(np.float64)
    if horizon.served == PERSISTENCE:
        return [PERSISTENCE] * rows.height, last
    seasonal = rows.select(seasonal_naive(horizon.horizon_hours).cast(float)).to_series().to_numpy()
    gap = np.isnan(seasonal)
    return [PERSISTENCE if missing else SEASONAL_NAIVE for missing in gap], np.where(gap, last, seasonal)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
