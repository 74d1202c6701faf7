"""Fit a forecaster on examples of one metric: LightGBM, direct over all horizons, one model per quantile."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from sensor_platform.predict.forecaster import QUANTILES, Forecaster
from sensor_platform.predict.matrix import INPUTS, Examples, Floats

ROUNDS = {"lower": 40, "median": 60, "upper": 40}
LEAVES = {"lower": 15, "median": 31, "upper": 15}
"""Tails are learnt from few rows: smaller trees cover better than larger ones, and cost less."""
PER_QUANTILE = {"rounds": ROUNDS, "num_leaves": LEAVES}
MOST_EXAMPLES = 300_000
"""Training draws this many examples at most: its time and memory are bounded whatever the history."""
LEAST_EXAMPLES = 200
"""With fewer there is nothing to learn from."""


def parameters(examples: int, seed: int) -> dict[str, Any]:
    """LightGBM's parameters that the quantiles share, as the card records them."""
    return {
        "objective": "quantile",
        "learning_rate": 0.1,
        "max_bin": 63,
        "min_data_in_leaf": int(np.clip(examples // 50, 10, 100)),
        "feature_fraction": 0.5,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        # One thread per fit and the fits side by side: on shared cores the barriers within one tree made a fit of
        # 0.6 s take 11 s.
        "num_threads": 1,
        "verbosity": -1,
    }


def fit(examples: Examples, seed: int, parallel_fits: int = 2) -> Forecaster:
    """Train on `examples`; the same examples and seed give the same models, byte for byte, whatever `parallel_fits`.

    Raises:
        ValueError: fewer than LEAST_EXAMPLES examples.
    """
    import lightgbm as lgb

    if len(examples) < LEAST_EXAMPLES:
        raise ValueError(f"{len(examples)} examples, at least {LEAST_EXAMPLES} are needed")
    scales = scale_by_horizon(examples)
    base = parameters(len(examples), seed)
    target = (examples.actual - examples.value) / _of_each(examples, scales)
    data = lgb.Dataset(examples.inputs, target, feature_name=list(INPUTS), params=base).construct()

    def one(name: str) -> lgb.Booster:
        own = {"alpha": QUANTILES[name], "num_leaves": LEAVES[name]}
        return lgb.train(base | own, data, num_boost_round=ROUNDS[name])

    with ThreadPoolExecutor(max_workers=parallel_fits) as pool:
        boosters = dict(zip(QUANTILES, pool.map(one, QUANTILES), strict=True))
    return Forecaster(boosters, scales)


def scale_by_horizon(examples: Examples) -> dict[int, float]:
    """Mean absolute difference from the last value per horizon; 1 where nothing ever moved.

    Without it the far horizons, which move most, would decide every split, and the next hour would be forecast badly.
    """
    difference = np.abs(examples.actual - examples.value)
    scales = {int(h): float(difference[examples.horizon == h].mean()) for h in np.unique(examples.horizon)}
    return {horizon: scale if scale > 0 else 1.0 for horizon, scale in scales.items()}


def _of_each(examples: Examples, scales: dict[int, float]) -> Floats:
    result = np.ones(len(examples))
    for horizon, scale in scales.items():
        result[examples.horizon == horizon] = scale
    return result
