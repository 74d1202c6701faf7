"""Weights of several forecasts, learnt from what each got wrong: a mix that does about as well as the best one could.

ML-Poly with the gradient of the mix's own error (Gaillard, Stoltz and van Erven 2014, "A second-order bound with excess
losses"; Cesa-Bianchi and Lugosi 2006, "Prediction, learning, and games", chapter 2): whatever comes, its mean error
exceeds that of the best fixed mix by no more than about sqrt(log(log(blocks)) * candidates / blocks). It has nothing to
tune, and a candidate that the mix is better without gets no weight at all.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from sensor_platform.predict.features.panel import Floats

PARTS = 20
"""A weight is so many parts of this: finer says nothing, and a person can read it."""


def learnt(said: Floats, actual: Floats, edges: Sequence[int]) -> Floats:
    """Weights of the columns of `said`, none negative, that sum to 1.

    Args:
        said: shape (rows, forecasts), oldest first.
        actual: what came.
        edges: rows at which the blocks begin, and the end.
    """
    count = said.shape[1]
    weights, regret, spread = np.full(count, 1 / count), np.zeros(count), np.zeros(count)
    unit = float(np.abs(said - actual[:, None]).mean())
    if not unit > 0:
        return np.asarray(np.eye(count)[0])
    for first, last in itertools.pairwise(edges):
        some = said[first:last]
        mixed = some @ weights
        side = np.sign(mixed - actual[first:last])
        # How much less the mix would have erred with a little more of each forecast.
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
