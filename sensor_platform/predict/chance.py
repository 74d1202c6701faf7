"""Test of chance for paired losses: whether their mean difference may come from chance. Pure."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHORTEST_BLOCK = 6
"""Steps. Errors of neighbouring hours are correlated, and those of forecasts that overlap."""
_OF_HORIZON = 4
"""A block is at least this part of the farthest horizon long."""


def by_chance(differences: Floats, group: Ints, chance: float, least: int) -> float:
    """Largest mean that chance may produce (Student's t, one-sided); infinite with too few groups.

    Args:
        differences: paired differences, one per row.
        group: number of the group of each row. Rows of a group are correlated and count as one observation.
        chance: probability that the mean of differences that are 0 on average is larger.
        least: with fewer groups nothing is shown.
    """
    from scipy.special import stdtrit

    number = np.unique(group, return_inverse=True)[1]
    count = int(number.max(initial=-1)) + 1
    if count < max(least, 2):
        return np.inf
    off = np.bincount(number, differences - differences.mean())
    error = np.sqrt(count / (count - 1) * (off**2).sum()) / len(differences)
    return float(stdtrit(count - 1, 1 - chance) * error)


def time_blocks(target: Ints, horizon: npt.NDArray[np.int32], least: int) -> Ints:
    """Group of each forecast: all devices and horizons whose targets lie in one stretch of time.

    A stretch is as long as errors are correlated; where that leaves fewer than `least` groups it is a single step.
    """
    length = max(SHORTEST_BLOCK, int(horizon.max(initial=0)) // _OF_HORIZON)
    blocks: Ints = target // length
    return blocks if len(np.unique(blocks)) >= least else target
