"""Scores block by block, each against the rows before it, and thresholds from rows outside of what was fit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.anomaly import deviation
from sensor_platform.predict.anomaly.deviation import LEAST_REFERENCE, Deviations
from sensor_platform.predict.features.grid import Grid
from sensor_platform.predict.features.panel import Floats, Ints

SCORES: Mapping[str, Callable[..., Deviations]] = {"band": deviation.band, "residual": deviation.residual}
REFERENCE_DAYS = 28
BLOCK_DAYS = 7
"""The reference is renewed this often: ordinary is what the newest weeks were, for a season passes."""
_ORIGINS = (0.4, 0.6, 0.8)
_HALF = (0.5,)


@dataclass(frozen=True, slots=True)
class Series:
    """One device's sensors, rows in order of time."""

    step: Ints
    values: Floats
    """Shape (rows, sensors)."""
    is_ordinary: npt.NDArray[np.bool_]
    """Rows that a reference may hold; a labelled anomaly is none."""

    def upto(self, rows: int) -> "Series":
        """The first rows."""
        return Series(self.step[:rows], self.values[:rows], self.is_ordinary[:rows])


@dataclass(frozen=True, slots=True)
class Block:
    """Rows `first` up to `last` (excluded) that were scored against the rows before them."""

    first: int
    last: int
    deviations: Deviations


def blocks(series: Series, first: int, grid: Grid, score: str) -> Iterator[Block]:
    """Score the rows from `first` on; rows without a reference of at least LEAST_REFERENCE rows are left out."""
    start = first
    while start < len(series.step):
        stop = _block_end(series, start, grid)
        block = _one(series, start, stop, grid, score)
        if block is not None:
            yield block
        start = stop


def _block_end(series: Series, start: int, grid: Grid) -> int:
    if grid.season < 2:
        return len(series.step)
    week = BLOCK_DAYS * grid.season
    return int(np.searchsorted(series.step, (series.step[start] // week + 1) * week))


def _one(series: Series, start: int, stop: int, grid: Grid, score: str) -> Block | None:
    past = np.flatnonzero(series.is_ordinary[:start])
    if grid.season > 1:
        past = past[series.step[past] >= series.step[start] - REFERENCE_DAYS * grid.season]
    if len(past) < LEAST_REFERENCE:
        return None
    window = deviation.window_of(grid, len(past))
    # The rows just before the block, ordinary or not, are what its first windows look back on.
    context = np.arange(max(0, start - 2 * max(window, 10)), stop)
    rows = np.concatenate([past, context])
    found = SCORES[score](series.values[rows], series.step[rows] % max(grid.season, 1), len(past), window, grid)
    own = slice(len(rows) - (stop - start), None)
    return Block(start, stop, found.rows(own))


def outside(series: Series, grid: Grid, score: str) -> list[Deviations]:
    """Deviations of ordinary rows, each scored against rows before it only, as later rows will be."""
    rows = len(series.step)
    if grid.season > 1 and rows > (REFERENCE_DAYS + BLOCK_DAYS) * grid.season:
        first = int(np.searchsorted(series.step, series.step[-1] - 2 * REFERENCE_DAYS * grid.season))
        return [ordinary(series, block) for block in blocks(series, max(first, rows // 4), grid, score)]
    # Without seasons a reference is never renewed: it is tried on as many rows again as it holds, for what wanders goes
    # as far in proportion later.
    starts = [int(rows * share) for share in (_ORIGINS if grid.season > 1 else _HALF)]
    stops = [*starts[1:], rows]
    tried = [_one(series, start, stop, grid, score) for start, stop in zip(starts, stops, strict=True) if stop > start]
    return [ordinary(series, block) for block in tried if block is not None]


def ordinary(series: Series, block: Block) -> Deviations:
    """Of the rows of a block that are no labelled anomaly."""
    keep = series.is_ordinary[block.first : block.last]
    return block.deviations.rows(keep)


def threshold(scores: Sequence[Floats], rate: float) -> float:
    """The score that this share of the rows outside of what was fit exceeds; infinite without any row."""
    pooled = np.concatenate([*scores, np.empty(0)])
    return float(np.quantile(pooled, 1 - rate)) if len(pooled) else float("inf")
