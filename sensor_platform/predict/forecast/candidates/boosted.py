"""LightGBM: one model for all devices and horizons, direct, one booster per quantile.

The target is the difference from an anchor (the last or the seasonal value, or what the linear model says), in units of
how far the metric usually moves over that horizon: trees do not extrapolate, and without the unit the far horizons,
which move most, would decide every split.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sensor_platform.predict.features.matrix import Examples, Inputs, Layout
from sensor_platform.predict.features.panel import Floats

if TYPE_CHECKING:
    import lightgbm as lgb

Anchor = Literal["last", "seasonal", "linear"]
QUANTILES = {"lower": 0.05, "median": 0.5, "upper": 0.95}
ROUNDS = {"lower": 50, "median": 100, "upper": 50}
LEAVES = {"lower": 15, "median": 31, "upper": 15}
"""Tails are learnt from few rows: smaller trees cover better than larger ones, and cost less."""
PER_QUANTILE = {"rounds": ROUNDS, "num_leaves": LEAVES}
LEAST_EXAMPLES = 200
"""With fewer there is nothing to learn from."""


@dataclass(frozen=True, slots=True)
class Boosted:
    """`boosters` by the names in QUANTILES; `units` per horizon: the usual move, by which targets were divided."""

    boosters: "Mapping[str, lgb.Booster]"
    units: Mapping[int, float]
    anchor: Anchor
    is_scaled: bool

    def predict(
        self, rows: Examples, layout: Layout, anchor: Floats, names: Sequence[str] = tuple(QUANTILES)
    ) -> Floats:
        """Quantiles of each example, shape (names, examples), sorted per example, in the metric's unit."""
        if not len(rows):
            return np.empty((len(names), 0))
        seen = scaled_inputs(rows, layout, is_scaled=self.is_scaled)
        unit = units_of(rows, self.units, is_scaled=self.is_scaled)
        raw = [np.asarray(self.boosters[name].predict(seen, num_threads=1)) for name in names]
        return np.asarray(np.sort(np.stack(raw), axis=0) * unit + anchor)

    def texts(self) -> dict[str, str]:
        """The models in LightGBM's text format, by quantile name."""
        return {name: booster.model_to_string() for name, booster in self.boosters.items()}


def parameters(examples: int, seed: int) -> dict[str, Any]:
    """LightGBM's parameters that the quantiles share, as the card records them."""
    return {
        "objective": "quantile",
        "learning_rate": 0.1,
        "max_bin": 63,
        "bin_construct_sample_cnt": 10_000,
        "min_data_in_leaf": int(np.clip(examples // 50, 10, 100)),
        "feature_fraction": 0.5,
        # A quantile's gradients are two numbers, alpha and alpha - 1: for 5, 50 and 95 % both are whole parts of 19, so
        # counting in integers loses nothing and costs a seventh less.
        "use_quantized_grad": True,
        "num_grad_quant_bins": 38,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        # One thread per fit and the fits side by side: on shared cores the barriers within one tree made a fit of
        # 0.6 s take 11 s.
        "num_threads": 1,
        "verbosity": -1,
    }


def fit(
    rows: Examples,
    layout: Layout,
    anchor: Floats,
    seed: int,
    *,
    kind: Anchor = "last",
    is_scaled: bool = False,
    names: Sequence[str] = tuple(QUANTILES),
    parallel_fits: int = 2,
    share_of_rounds: float = 1.0,
) -> Boosted:
    """Train on `rows`; the same rows and seed give the same models, byte for byte, whatever `parallel_fits`.

    Args:
        rows: at least LEAST_EXAMPLES examples.
        layout: of their inputs.
        anchor: what each target is measured from.
        seed: of LightGBM.
        kind: what the anchor is.
        is_scaled: divide inputs and target by each row's own spread.
        names: quantiles to fit.
        parallel_fits: fits side by side.
        share_of_rounds: less than 1 for a quick look.

    Raises:
        ValueError: too few examples.
    """
    import lightgbm as lgb

    if len(rows) < LEAST_EXAMPLES:
        raise ValueError(f"{len(rows)} examples, at least {LEAST_EXAMPLES} are needed")
    units = usual_moves(rows, is_scaled=is_scaled)
    base = parameters(len(rows), seed)
    target = (rows.actual - anchor) / units_of(rows, units, is_scaled=is_scaled)
    seen = scaled_inputs(rows, layout, is_scaled=is_scaled)
    data = lgb.Dataset(seen, target, feature_name=_plain(layout), params=base, free_raw_data=True).construct()

    def one(name: str) -> "lgb.Booster":
        own = {"alpha": QUANTILES[name], "num_leaves": LEAVES[name]}
        return lgb.train(base | own, data, num_boost_round=round(ROUNDS[name] * share_of_rounds))

    with ThreadPoolExecutor(max_workers=parallel_fits) as pool:
        boosters = dict(zip(names, pool.map(one, names), strict=True))
    return Boosted(boosters, units, kind, is_scaled)


def load(
    texts: Mapping[str, str], layout: Layout, units: Mapping[int, float], kind: Anchor, *, is_scaled: bool
) -> Boosted:
    """The model that `texts` were written from; predictions are equal bit for bit.

    Raises:
        ValueError: a model is missing or was made for other inputs.
    """
    import lightgbm as lgb

    boosters = {name: lgb.Booster(model_str=texts[name]) for name in QUANTILES if name in texts}
    if set(boosters) != set(QUANTILES) or any(each.feature_name() != _plain(layout) for each in boosters.values()):
        raise ValueError("these models were made for other inputs")
    return Boosted(boosters, units, kind, is_scaled)


def usual_moves(rows: Examples, *, is_scaled: bool) -> dict[int, float]:
    """Mean absolute difference from the last value per horizon; 1 where nothing ever moved."""
    difference = np.abs(rows.actual - rows.value) / (rows.scale if is_scaled else 1.0)
    found = {int(h): float(difference[rows.horizon == h].mean()) for h in np.unique(rows.horizon)}
    return {horizon: unit if unit > 0 else 1.0 for horizon, unit in found.items()}


def units_of(rows: Examples, units: Mapping[int, float], *, is_scaled: bool) -> Floats:
    """The usual move of each example, in the metric's unit."""
    result = np.ones(len(rows))
    for horizon, unit in units.items():
        result[rows.horizon == horizon] = unit
    return result * rows.scale if is_scaled else result


def scaled_inputs(rows: Examples, layout: Layout, *, is_scaled: bool) -> Inputs:
    """The inputs, where asked with the metric's own columns divided by each row's spread."""
    if not is_scaled:
        return rows.inputs
    seen = rows.inputs.copy()
    seen[:, layout.unit] /= rows.scale[:, None].astype(np.float32)
    return seen


def _plain(layout: Layout) -> list[str]:
    """Input names as LightGBM's text format can hold them; what stands behind a number is in the card."""
    return [name.replace(":", "_") for name in layout.names]
