"""Prediction rows from feature rows and a verified model. Pure: created_at too is a parameter."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.kernel.clock import plain_utc, to_micros
from sensor_platform.predict.features.matrix import PanelSource, examples_at
from sensor_platform.predict.features.panel import Ints
from sensor_platform.predict.forecast.candidates.candidate_table import CANDIDATES
from sensor_platform.predict.forecast.forecaster_registry import ForecastModel
from sensor_platform.predict.forecast.selection.adjust import ServingRule, apply_rules

if TYPE_CHECKING:
    import polars as pl

KEYS = ("device_id", "metric", "issued_at", "horizon_hours")
_FORECASTS = ("value", "lower", "upper", "interval", *CANDIDATES, "raw_lower", "raw_upper", "width")
COLUMNS = (
    *KEYS,
    "target_at",
    "served",
    *_FORECASTS,
    "model_id",
    "trained_to",
    "inputs_position",
    "revision",
    "created_at",
)


def schema() -> "dict[str, pl.DataType]":
    """Types of a prediction row; times are naive UTC microseconds."""
    import polars as pl

    text, number, time = pl.String(), pl.Float64(), pl.Datetime("us")
    kinds: dict[str, pl.DataType] = dict.fromkeys(("device_id", "metric", "served", "model_id"), text)
    kinds |= dict.fromkeys(_FORECASTS, number)
    kinds |= dict.fromkeys(("issued_at", "target_at", "trained_to", "created_at"), time)
    kinds |= dict.fromkeys(("horizon_hours", "revision"), pl.Int32())
    kinds["inputs_position"] = pl.Int64()
    return {name: kinds[name] for name in COLUMNS}


def empty() -> "pl.DataFrame":
    """The table without rows."""
    import polars as pl

    return pl.DataFrame(schema=schema())


def predictions(
    source: PanelSource,
    index: Ints,
    metric: str,
    model: ForecastModel,
    rules: Sequence[ServingRule],
    created_at: datetime,
) -> "pl.DataFrame":
    """Prediction rows of one metric, sorted by KEYS, all of revision 0.

    A row exists only where its target lies after all training data: a fit is not a forecast.

    Args:
        source: panels of the metric and of the model's other metrics.
        index: elements of the metric's panel to forecast from.
        metric: its name.
        model: verified.
        rules: serving rule per bucket.
        created_at: aware UTC.

    Returns:
        COLUMNS. Every candidate has a column, null where the model has none; `value` is the one that is `served`;
        lower..upper is the calibrated interval, extended to contain `value`; raw_lower..raw_upper is the one
        before calibration.
    """
    import polars as pl

    hour = source.panel.grid.step_us
    trained_to = to_micros(model.card.trained_to) // hour
    parts = [
        _one_horizon(source, index[source.panel.step[index] + horizon > trained_to], horizon, model, rules)
        for horizon in model.card.horizons
    ]
    return (
        pl.concat(
            [
                empty().drop(
                    "metric", "interval", "model_id", "trained_to", "inputs_position", "revision", "created_at"
                ),
                *parts,
            ]
        )
        .with_columns(
            pl.lit(metric).alias("metric"),
            pl.lit(model.card.interval).alias("interval"),
            pl.lit(model.model_id).alias("model_id"),
            pl.lit(plain_utc(model.card.trained_to), pl.Datetime("us")).alias("trained_to"),
            pl.lit(None, pl.Int64).alias("inputs_position"),
            pl.lit(0, pl.Int32).alias("revision"),
            pl.lit(plain_utc(created_at), pl.Datetime("us")).alias("created_at"),
        )
        .select(COLUMNS)
        .sort(KEYS)
    )


def of_hours(rows: "pl.DataFrame", metric: str, hours: "pl.Series") -> "pl.DataFrame":
    """Prediction rows of a metric that were issued at these hours; `rows` has no columns if there was no table."""
    import polars as pl

    if not rows.width:
        return empty()
    return rows.filter(pl.col("metric") == metric, pl.col("issued_at").is_in(hours.implode())).select(COLUMNS)


def with_positions(rows: "pl.DataFrame", positions: "Mapping[datetime, int]") -> "pl.DataFrame":
    """Fill in `inputs_position`, where it is null, by `issued_at` (plain UTC)."""
    import polars as pl

    known = pl.DataFrame(
        {"issued_at": list(positions), "position": list(positions.values())},
        schema={"issued_at": pl.Datetime("us"), "position": pl.Int64},
    )
    joined = rows.join(known, on="issued_at", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("inputs_position", "position").alias("inputs_position")).select(rows.columns)


def _one_horizon(
    source: PanelSource, index: Ints, horizon: int, model: ForecastModel, rules: Sequence[ServingRule]
) -> "pl.DataFrame":
    import polars as pl

    panel = source.panel
    rows = examples_at(source, index, horizon)
    forecasts = model.forecaster.forecast(rows)
    served = apply_rules(rules, rows, forecasts)
    devices = pl.Series("device_id", panel.devices, dtype=pl.String)
    nothing = np.full(len(rows), np.nan)
    frame = pl.DataFrame(
        {
            "device_id": devices.gather(panel.device[index]) if len(index) else devices.head(0),
            "issued_at": _times(panel.step[index] * panel.grid.step_us),
            "horizon_hours": pl.Series(rows.horizon, dtype=pl.Int32),
            "target_at": _times(rows.target * panel.grid.step_us),
            "served": pl.Series(served.candidate, dtype=pl.String),
            "value": served.value,
            "lower": served.lower,
            "upper": served.upper,
            **{name: forecasts.by_candidate.get(name, nothing) for name in CANDIDATES},
            "raw_lower": forecasts.lower,
            "raw_upper": forecasts.upper,
            "width": forecasts.width,
        }
    )
    return frame.with_columns(pl.col(name).fill_nan(None) for name in CANDIDATES)


def _times(micros: Ints) -> "pl.Series":
    import polars as pl

    return pl.Series(micros, dtype=pl.Int64).cast(pl.Datetime("us"))
