"""Ensemble by online expert aggregation: weights of several forecasts, learnt from their errors block by block.

ML-Poly with the gradient of the ensemble's own error (Gaillard, Stoltz and van Erven 2014, "A second-order bound with
excess losses"; Cesa-Bianchi and Lugosi 2006, "Prediction, learning, and games", chapter 2): its mean error exceeds that
of the best fixed ensemble by no more than about sqrt(log(log(blocks)) * candidates / blocks). It has no parameters, and
a candidate that does not improve the ensemble gets the weight 0.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from sensor_platform.predict.features.panel import Floats

PARTS = 20
"""Weights are multiples of 1 / PARTS: finer ones are not significant, and these are readable."""


def learnt(forecasts: Floats, actual: Floats, edges: Sequence[int]) -> Floats:
    """Weights of the columns of `forecasts`, none negative, that sum to 1.

    Args:
        forecasts: shape (rows, forecasts), oldest first.
        actual: shape (rows,).
        edges: first row of each block, and the number of rows.
    """
    count = forecasts.shape[1]
    weights, regret, spread = np.full(count, 1 / count), np.zeros(count), np.zeros(count)
    unit = float(np.abs(forecasts - actual[:, None]).mean())
    if not unit > 0:
        return np.asarray(np.eye(count)[0])
    for first, last in itertools.pairwise(edges):
        some = forecasts[first:last]
        mixed = some @ weights
        side = np.sign(mixed - actual[first:last])
        # How much smaller the error would have been with a little more weight on each forecast.
        gain = (side @ mixed - side @ some) / (unit * (last - first))
        regret, spread = regret + gain, spread + gain**2
        worth = np.maximum(regret, 0) / (1 + spread)
        weights = worth / worth.sum() if worth.sum() > 0 else np.full(count, 1 / count)
    return rounded(weights)


def rounded(weights: Floats) -> Floats:
    """The nearest whole parts that sum to 1, by largest remainders."""
    parts = np.floor(weights * PARTS + 1e-9)
    largest = np.argsort(parts - weights * PARTS, kind="stable")
    parts[largest[: PARTS - int(parts.sum())]] += 1
    return np.asarray(parts / PARTS)
