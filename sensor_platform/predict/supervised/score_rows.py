"""Make rows of `supervised_scores` from predictions, with reasons. Pure."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.kernel.clock import HOUR, plain_utc
from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.supervised import task_model
from sensor_platform.predict.supervised.task_model import TaskModel, TaskPrediction
from sensor_platform.predict.supervised.task_rows import TaskRows

if TYPE_CHECKING:
    import numpy.typing as npt
    import polars as pl

KEYS = ("task", "device_id", "window_start")
COLUMNS = (
    *KEYS,
    "kind",
    "value",
    "class",
    "probabilities",
    "lower",
    "upper",
    "threshold",
    "is_alarm",
    "reason",
    "missing_inputs",
    "model_id",
    "trained_to",
    "inputs_position",
    "revision",
    "created_at",
)
REASONS = 3
"""Number of inputs named in a reason."""


def schema() -> "dict[str, pl.DataType]":
    """Column types; times are plain UTC, microseconds."""
    import polars as pl

    kinds: dict[str, pl.DataType] = dict.fromkeys(COLUMNS, pl.String())
    kinds |= dict.fromkeys(("value", "lower", "upper", "threshold"), pl.Float64())
    kinds |= dict.fromkeys(("window_start", "trained_to", "created_at"), pl.Datetime("us"))
    kinds |= {"is_alarm": pl.Boolean(), "inputs_position": pl.Int64()}
    kinds |= dict.fromkeys(("missing_inputs", "revision"), pl.Int32())
    return kinds


def no_score_rows() -> "pl.DataFrame":
    """An empty table of score rows."""
    import polars as pl

    return pl.DataFrame(schema=schema())


def make_score_rows(
    model: TaskModel, rows: TaskRows, positions: dict[int, int], created_at: datetime
) -> "pl.DataFrame":
    """Score rows of one task, all of revision 0.

    Args:
        model: verified model.
        rows: rows to score.
        positions: ledger position of the inputs by hour, microseconds since the epoch.
        created_at: aware UTC.
    """
    import polars as pl

    card, prediction = model.card, task_model.predict(model, rows.inputs)
    trained_to = plain_utc(card.trained_to) if card.trained_to else None
    size = len(rows)
    frame = pl.DataFrame(
        {
            "task": [card.task] * size,
            "device_id": rows.device.tolist(),
            "window_start": hour_starts(rows.hour),
            "kind": [card.kind] * size,
            "value": prediction.value,
            "class": [card.classes[each] for each in prediction.decided] if card.kind == "classes" else [None] * size,
            "probabilities": _probabilities(model, prediction),
            "lower": prediction.lower,
            "upper": prediction.upper,
            "threshold": [card.threshold] * size,
            "is_alarm": prediction.is_alarm,
            "reason": reasons(model, rows.inputs, prediction),
            "missing_inputs": (~np.isfinite(rows.inputs)).sum(axis=1).astype(np.int32),
            "model_id": [model.model_id] * size,
            "trained_to": [trained_to] * size,
            "inputs_position": [positions.get(int(hour) * HOUR, 0) for hour in rows.hour],
            "revision": np.zeros(size, np.int32),
            "created_at": [plain_utc(created_at)] * size,
        },
        schema=schema(),
    )
    return frame.with_columns(pl.col("lower", "upper").fill_nan(None)).sort(KEYS)


def hour_starts(hour: Ints) -> "npt.NDArray[np.datetime64]":
    """Start times of hours, plain UTC."""
    return (hour * HOUR).astype("datetime64[us]")


def _probabilities(model: TaskModel, prediction: TaskPrediction) -> list[str | None]:
    if model.card.kind == "remaining_life":
        return [None] * len(prediction.value)
    names = model.card.classes or ("no", "yes")
    return [json.dumps(dict(zip(names, map(float, row), strict=True))) for row in prediction.probabilities]


def reasons(model: TaskModel, inputs: Floats, prediction: TaskPrediction) -> list[str | None]:
    """Reasons of alarms and classes: the inputs with the largest contributions; None for other rows."""
    found: list[str | None] = [None] * len(inputs)
    wanted = np.arange(len(inputs)) if model.card.kind == "classes" else np.flatnonzero(prediction.is_alarm)
    if not len(wanted):
        return found
    shares = np.asarray(model.booster.predict(inputs[wanted], pred_contrib=True, num_threads=1), np.float64)
    width = inputs.shape[1] + 1  # the last one is the base level of the model
    names = list(model.card.sources)
    for row, share in zip(wanted, shares.reshape(len(wanted), -1, width), strict=True):
        own = share[prediction.decided[row]] if len(share) > 1 else share[0]
        found[row] = _reason(names, inputs[row], own[:-1])
    return found


def _reason(names: Sequence[str], values: Floats, shares: Floats) -> str:
    most = np.argsort(-np.abs(shares), kind="stable")[:REASONS]
    parts = [
        f"{names[each]} = {values[each]:.6g} {'raises' if shares[each] > 0 else 'lowers'} it by {abs(shares[each]):.2f}"
        for each in most
        if shares[each] != 0
    ]
    return "; ".join(parts) or "the model's own level alone"
