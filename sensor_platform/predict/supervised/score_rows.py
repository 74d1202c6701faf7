"""What a task's model says of hours, as rows of `supervised_scores`, each with its reason. Pure."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.kernel.clock import HOUR, plain_utc
from sensor_platform.predict.features.panel import Floats, Ints
from sensor_platform.predict.supervised import task_model
from sensor_platform.predict.supervised.inputs import Rows
from sensor_platform.predict.supervised.task_model import Said, TaskModel

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
"""Inputs named in a reason."""


def schema() -> "dict[str, pl.DataType]":
    """Types of a row; times are naive UTC microseconds."""
    import polars as pl

    kinds: dict[str, pl.DataType] = dict.fromkeys(COLUMNS, pl.String())
    kinds |= dict.fromkeys(("value", "lower", "upper", "threshold"), pl.Float64())
    kinds |= dict.fromkeys(("window_start", "trained_to", "created_at"), pl.Datetime("us"))
    kinds |= {"is_alarm": pl.Boolean(), "inputs_position": pl.Int64()}
    kinds |= dict.fromkeys(("missing_inputs", "revision"), pl.Int32())
    return kinds


def empty() -> "pl.DataFrame":
    """No rows."""
    import polars as pl

    return pl.DataFrame(schema=schema())


def scored(model: TaskModel, rows: Rows, positions: dict[int, int], created_at: datetime) -> "pl.DataFrame":
    """Rows of one task, all of revision 0.

    Args:
        model: verified.
        rows: to score.
        positions: ledger position that the inputs of each hour were built from.
        created_at: aware UTC.
    """
    import polars as pl

    card, said = model.card, task_model.read(model, rows.inputs)
    trained_to = plain_utc(card.trained_to) if card.trained_to else None
    size = len(rows)
    frame = pl.DataFrame(
        {
            "task": [card.task] * size,
            "device_id": rows.device.tolist(),
            "window_start": times(rows.hour),
            "kind": [card.kind] * size,
            "value": said.value,
            "class": [card.classes[each] for each in said.decided] if card.kind == "classes" else [None] * size,
            "probabilities": _probabilities(model, said),
            "lower": said.lower,
            "upper": said.upper,
            "threshold": [card.threshold] * size,
            "is_alarm": said.is_alarm,
            "reason": reasons(model, rows.inputs, said),
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


def times(hour: Ints) -> "npt.NDArray[np.datetime64]":
    """Starts of hours, plain UTC."""
    return (hour * HOUR).astype("datetime64[us]")


def _probabilities(model: TaskModel, said: Said) -> list[str | None]:
    if model.card.kind == "remaining_life":
        return [None] * len(said.value)
    names = model.card.classes or ("no", "yes")
    return [json.dumps(dict(zip(names, map(float, row), strict=True))) for row in said.chances]


def reasons(model: TaskModel, inputs: Floats, said: Said) -> list[str | None]:
    """For alarms and classes the inputs that moved the model most, by its own contributions; None for other rows."""
    found: list[str | None] = [None] * len(inputs)
    wanted = np.arange(len(inputs)) if model.card.kind == "classes" else np.flatnonzero(said.is_alarm)
    if not len(wanted):
        return found
    shares = np.asarray(model.booster.predict(inputs[wanted], pred_contrib=True, num_threads=1), np.float64)
    width = inputs.shape[1] + 1  # the last one is the model's own level
    names = list(model.card.sources)
    for row, share in zip(wanted, shares.reshape(len(wanted), -1, width), strict=True):
        own = share[said.decided[row]] if len(share) > 1 else share[0]
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
