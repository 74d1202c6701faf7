"""A series that is really many: a machine that was stopped, changed and started again, recorded one after the other.

Where values jump across pauses by more than they move from the beginning to the end of what lies between, what was
ordinary before a pause says little of what is after it: each stretch is then a series of its own.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.grid import Grid
from sensor_platform.predict.features.panel import Floats, Ints

PAUSE = 60
"""Steps; a shorter gap is one."""
_LEAST_ROWS = 150
_ENDS = 50
"""Rows at either end of a stretch that say where it began and ended."""
_LEAST_STRETCHES = 4
_JUMP = 1.3


def stretches(
    step: Ints, values: Floats, is_ordinary: npt.NDArray[np.bool_], test_from: int, grid: Grid
) -> list[slice]:
    """Parts of one series that are to be known anew, in order; the whole where the time of day says what is ordinary.

    Args:
        step: of each row, ascending.
        values: shape (rows, sensors).
        is_ordinary: rows that are no labelled anomaly.
        test_from: evidence is what ended before this step. Without any row before it, every long pause counts.
        grid: the raster.
    """
    whole = [slice(0, len(step))]
    bounds = [0, *(np.flatnonzero(np.diff(step) > PAUSE) + 1).tolist(), len(step)]
    found = [slice(first, last) for first, last in pairwise(bounds)]
    if grid.season > 1 or len(found) < 2:
        return whole
    if step[0] >= test_from:
        return found if np.median([part.stop - part.start for part in found]) >= _LEAST_ROWS else whole
    ended = [part for part in found if step[part.stop - 1] < test_from and part.stop - part.start >= _LEAST_ROWS]
    return found if len(ended) >= _LEAST_STRETCHES and _jump(values, is_ordinary, ended) >= _JUMP else whole


def _jump(values: Floats, is_ordinary: npt.NDArray[np.bool_], ended: Sequence[slice]) -> float:
    """Moves across pauses over moves within, root mean squares, as a geometric mean over the sensors."""
    ends = []
    for part in ended:
        own = values[part][is_ordinary[part]]
        if len(own) >= 2 * _ENDS:
            ends.append((_mean(own[:_ENDS]), _mean(own[-_ENDS:])))
    if len(ends) < _LEAST_STRETCHES:
        return 0.0
    began, ended_at = (np.stack(each) for each in zip(*ends, strict=True))
    across, within = _size(began[1:] - ended_at[:-1]), _size(ended_at - began)
    moving = (across > 0) & (within > 0)
    return float(np.exp(np.log(across[moving] / within[moving]).mean())) if moving.any() else 0.0


def _mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _size(moves: Floats) -> Floats:
    known = np.isfinite(moves)
    size: Floats = np.sqrt((np.where(known, moves, 0.0) ** 2).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    return size
