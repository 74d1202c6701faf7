"""Moments over trailing windows: they depend, bit for bit, only on the values inside the window.

A window is composed of windows of 1, 2, 4, 8 ... steps, always in the same order, so no running total carries rounding
from the past. Pieces bound the memory and keep the arrays in the CPU cache.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_PIECE = 1 << 16
"""Elements. Smaller ones cost more calls than the cache saves; two threads hold some twenty arrays of it."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and sum of squared deviations of the values in a window that ends at each element."""

    count: Floats
    mean: Floats
    squares: Floats

    def std(self) -> Floats:
        """Population standard deviation; NaN where the window is empty."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sqrt(self.squares / self.count)

    def level(self) -> Floats:
        """Mean; NaN where the window is empty."""
        return np.where(self.count > 0, self.mean, np.nan)


def pieces(length: int, context: int) -> Iterator[tuple[slice, slice]]:
    """Slices of at most a piece: what to read (with `context` elements before), and where its newest part belongs."""
    size = max(_PIECE, 4 * context)
    for start in range(0, length, size):
        stop = min(start + size, length)
        yield slice(max(0, start - context), stop), slice(start, stop)


def moments(values: Floats, windows: Sequence[int]) -> dict[int, Moments]:
    """Moments over the newest `w` elements up to and including each, for each `w` of `windows`; NaN is not counted."""
    known = np.isfinite(values)
    power = Moments(known.astype(np.float64), np.where(known, values, 0.0), np.zeros(len(values)))
    found: dict[int, tuple[int, Moments]] = {}
    size = 1
    longest = max(windows)
    while size <= longest:
        for window in windows:
            if window & size:
                done = found.get(window)
                found[window] = (size, power) if done is None else (done[0] + size, _joined(done[1], power, done[0]))
        power, size = (_joined(power, power, size) if 2 * size <= longest else power), 2 * size
    return {window: found[window][1] for window in windows}


def _joined(newer: Moments, older: Moments, length: int) -> Moments:
    """Moments of the window made of `newer` (`length` elements) and `older` before it (Chan et al. 1979).

    An empty side has mean 0 and weight 0, so that it needs no special case.
    """
    total, mean, squares = newer.count.copy(), newer.mean.copy(), newer.squares.copy()
    count, middle = newer.count[length:], newer.mean[length:]
    before = slice(0, len(total) - min(length, len(total)))
    total[length:] += older.count[before]
    share = older.count[before] / np.maximum(total[length:], 1.0)
    apart = older.mean[before] - middle
    part = apart * share
    mean[length:] += part
    apart *= count
    apart *= part
    squares[length:] += older.squares[before]
    squares[length:] += apart
    return Moments(total, mean, squares)
