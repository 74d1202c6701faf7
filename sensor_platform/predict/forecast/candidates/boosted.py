"""LightGBM: one model for all devices and horizons, direct, one booster per quantile.

The target is the difference from an anchor (last value, seasonal value, or linear forecast), in units of how far the
metric usually moves over that horizon: trees do not extrapolate, and without the unit the far horizons, which move the
most, would decide every split.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sensor_platform.predict.features.matrix import Examples, InputLayout, Inputs
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates.baselines import base_of
from sensor_platform.predict.forecast.candidates.candidate import (
    Anchor,
    Candidate,
    CandidateForecast,
    StoredVersion,
    Training,
    units_of,
    usual_moves,
)
from sensor_platform.predict.forecast.candidates.linear import LINEAR

if TYPE_CHECKING:
    import lightgbm as lgb

LIGHTGBM = "lightgbm"
QUANTILES = {"lower": 0.05, "median": 0.5, "upper": 0.95}
ROUNDS = {"lower": 50, "median": 100, "upper": 50}
LEAVES = {"lower": 15, "median": 31, "upper": 15}
"""The tails have few rows: smaller trees cover better there than larger ones, and cost less."""
PER_QUANTILE = {"rounds": ROUNDS, "num_leaves": LEAVES}
LEAST_EXAMPLES = 200
"""With fewer examples no model is trained."""


@dataclass(frozen=True, slots=True)
class Boosted:
    """One booster per quantile."""

    boosters: "Mapping[str, lgb.Booster]"
    """By the names in QUANTILES."""
    units: Mapping[int, float]
    """Usual move per horizon, by which targets were divided."""
    anchor: Anchor
    is_scaled: bool

    def predict(
        self, rows: Examples, layout: InputLayout, anchor: Floats, names: Sequence[str] = tuple(QUANTILES)
    ) -> Floats:
        """Quantiles of each example, shape (names, examples), sorted per example, in the metric's unit."""
        if not len(rows):
            return np.empty((len(names), 0))
        seen = scaled_inputs(rows, layout, is_scaled=self.is_scaled)
        unit = units_of(rows, self.units, is_scaled=self.is_scaled)
        raw = [np.asarray(self.boosters[name].predict(seen, num_threads=1)) for name in names]
        return np.asarray(np.sort(np.stack(raw), axis=0) * unit + anchor)

    def forecast(self, rows: Examples, layout: InputLayout, earlier: Mapping[str, Floats]) -> CandidateForecast:
        """See FittedCandidate."""
        lower, value, upper = self.predict(rows, layout, anchor_of(self.anchor, rows, earlier.get(LINEAR)))
        return CandidateForecast(value, lower, upper)

    @property
    def has_interval(self) -> bool:
        """See FittedCandidate."""
        return True

    def files(self) -> dict[str, bytes]:
        """The models in LightGBM's text format, a file per quantile."""
        return {f"{name}.txt": booster.model_to_string().encode() for name, booster in self.boosters.items()}


class BoostedCandidate(Candidate):
    """LightGBM in the table of candidates."""

    name = LIGHTGBM

    def fit(self, training: Training) -> Boosted | None:
        """Train one booster per quantile; None for fewer than LEAST_EXAMPLES examples."""
        rows, layout, recipe = training.rows, training.layout, training.recipe
        if len(rows) < LEAST_EXAMPLES:
            return None
        lines = training.fitted.get(LINEAR)
        anchor = anchor_of(recipe.anchor, rows, lines.forecast(rows, layout, {}).value if lines else None)
        return fit(
            rows,
            layout,
            anchor,
            training.seed,
            kind=recipe.anchor,
            is_scaled=recipe.is_scaled,
            parallel_fits=training.parallel_fits,
        )

    def load(self, files: Mapping[str, bytes], version: StoredVersion) -> Boosted | None:
        """Read it from `lower.txt`, `median.txt` and `upper.txt`."""
        texts = {name: files[f"{name}.txt"].decode() for name in QUANTILES if f"{name}.txt" in files}
        recipe = version.recipe
        if not texts:
            return None
        return load(texts, version.layout, version.units, recipe.anchor, is_scaled=recipe.is_scaled)

    def parameters(self, examples: int, seed: int) -> dict[str, Any]:
        """LightGBM's parameters, those that differ between the quantiles by quantile."""
        return parameters(examples, seed) | PER_QUANTILE


def anchor_of(anchor: Anchor, rows: Examples, linear_forecast: Floats | None) -> Floats:
    """What the target of each example is measured from."""
    if anchor == "linear" and linear_forecast is not None:
        return linear_forecast
    return base_of(rows, is_seasonal=anchor == "seasonal")


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
    layout: InputLayout,
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
    texts: Mapping[str, str], layout: InputLayout, units: Mapping[int, float], kind: Anchor, *, is_scaled: bool
) -> Boosted:
    """The model in these texts, by quantile; its predictions are those of the model that was written, bit for bit.

    Raises:
        ValueError: a model is missing or was made for other inputs.
    """
    import lightgbm as lgb

    boosters = {name: lgb.Booster(model_str=texts[name]) for name in QUANTILES if name in texts}
    if set(boosters) != set(QUANTILES) or any(each.feature_name() != _plain(layout) for each in boosters.values()):
        raise ValueError("these models were made for other inputs")
    return Boosted(boosters, units, kind, is_scaled)


def scaled_inputs(rows: Examples, layout: InputLayout, *, is_scaled: bool) -> Inputs:
    """The inputs, where asked with the metric's own columns divided by each row's spread."""
    if not is_scaled:
        return rows.inputs
    seen = rows.inputs.copy()
    seen[:, layout.unit] /= rows.scale[:, None].astype(np.float32)
    return seen


def _plain(layout: InputLayout) -> list[str]:
    """Input names as LightGBM's text format can hold them; the card has the names that the numbers stand for."""
    return [name.replace(":", "_") for name in layout.names]
