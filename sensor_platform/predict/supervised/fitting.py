"""Train LightGBM for a task: one model for all devices."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.supervised.config import Kind

if TYPE_CHECKING:
    import lightgbm as lgb

RECIPES = ({"num_leaves": 7, "rounds": 60}, {"num_leaves": 15, "rounds": 150})
"""Both are tested out of fold; the better one is trained on all rows."""
_OBJECTIVES: dict[Kind, str] = {"failure": "binary", "classes": "multiclass", "remaining_life": "regression"}


def plain_names(names: Sequence[str]) -> list[str]:
    """Input names that LightGBM's text format can store: other characters are replaced, equal names get a number."""
    made: list[str] = []
    for number, name in enumerate(names):
        plain = re.sub(r"[^A-Za-z0-9_.\-]", "_", name)
        made.append(plain if plain not in made else f"{plain}_{number}")
    return made


def parameters(kind: Kind, rows: int, classes: int, recipe: dict[str, int], seed: int) -> dict[str, Any]:
    """Parameters of LightGBM, as recorded in the card."""
    return {
        "objective": _OBJECTIVES[kind],
        **({"num_class": classes} if kind == "classes" else {}),
        "learning_rate": 0.06,
        "num_leaves": recipe["num_leaves"],
        "min_data_in_leaf": int(np.clip(rows // 100, 5, 100)),
        "max_bin": 63,
        "feature_fraction": 0.7,
        "lambda_l2": 1.0,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }


def fit(
    inputs: Floats,
    target: Floats,
    weight: Floats,
    names: Sequence[str],
    kind: Kind,
    classes: int,
    recipe: dict[str, int],
    seed: int,
) -> "lgb.Booster":
    """Train a model; the same rows and seed give the same bytes."""
    import lightgbm as lgb

    base = parameters(kind, len(target), classes, recipe, seed)
    data = lgb.Dataset(inputs, target, weight=weight, feature_name=plain_names(names), params=base)
    return lgb.train(base, data, num_boost_round=recipe["rounds"])


def raw_predictions(booster: "lgb.Booster", inputs: Floats) -> Floats:
    """Outputs of the model before calibration: shape (rows,), or (rows, classes) for several classes."""
    if not len(inputs):
        return np.empty(0)
    return np.asarray(booster.predict(inputs, num_threads=1), np.float64)
