"""Score series block by block, each block against the rows before it; thresholds from rows outside of the reference."""

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
"""The reference is renewed this often: it covers the newest weeks, because the time of year changes."""
_ORIGINS = (0.4, 0.6, 0.8)
_HALF = (0.5,)


@dataclass(frozen=True, slots=True)
class DeviceSeries:
    """Values of the sensors of one device, in order of time."""

    step: Ints
    values: Floats
    """Shape (rows, sensors)."""
    is_normal: npt.NDArray[np.bool_]
    """Rows that a reference may contain: all but labelled anomalies."""

    def head(self, rows: int) -> "DeviceSeries":
        """The first `rows` rows."""
        return DeviceSeries(self.step[:rows], self.values[:rows], self.is_normal[:rows])


@dataclass(frozen=True, slots=True)
class ScoredBlock:
    """Deviations of rows `first` to `last` (excluded) from the rows before them."""

    first: int
    last: int
    deviations: Deviations


def scored_blocks(series: DeviceSeries, first: int, grid: Grid, score: str) -> Iterator[ScoredBlock]:
    """Score the rows from `first` on; a block whose reference has fewer than LEAST_REFERENCE rows is skipped.

    Args:
        series: one device.
        first: first row to score.
        grid: time grid.
        score: name of the score, a key of SCORES.
    """
    start = first
    while start < len(series.step):
        stop = _block_end(series, start, grid)
        block = _scored_block(series, start, stop, grid, score)
        if block is not None:
            yield block
        start = stop


def _block_end(series: DeviceSeries, start: int, grid: Grid) -> int:
    if grid.season < 2:
        return len(series.step)
    week = BLOCK_DAYS * grid.season
    return int(np.searchsorted(series.step, (series.step[start] // week + 1) * week))


def _scored_block(series: DeviceSeries, start: int, stop: int, grid: Grid, score: str) -> ScoredBlock | None:
    past = np.flatnonzero(series.is_normal[:start])
    if grid.season > 1:
        past = past[series.step[past] >= series.step[start] - REFERENCE_DAYS * grid.season]
    if len(past) < LEAST_REFERENCE:
        return None
    window = deviation.window_of(grid, len(past))
    # The first windows of the block need the rows just before it, normal or not.
    context = np.arange(max(0, start - 2 * max(window, 10)), stop)
    rows = np.concatenate([past, context])
    found = SCORES[score](series.values[rows], series.step[rows] % max(grid.season, 1), len(past), window, grid)
    own = slice(len(rows) - (stop - start), None)
    return ScoredBlock(start, stop, found.rows(own))


def out_of_sample_deviations(series: DeviceSeries, grid: Grid, score: str) -> list[Deviations]:
    """Deviations of normal rows, each scored against earlier rows only, as later rows will be."""
    rows = len(series.step)
    if grid.season > 1 and rows > (REFERENCE_DAYS + BLOCK_DAYS) * grid.season:
        first = int(np.searchsorted(series.step, series.step[-1] - 2 * REFERENCE_DAYS * grid.season))
        return [normal_deviations(series, block) for block in scored_blocks(series, max(first, rows // 4), grid, score)]
    # Without seasons a reference is never renewed: it is tested on as many rows again as it contains, because a sensor
    # that wanders goes as far in proportion later.
    starts = [int(rows * share) for share in (_ORIGINS if grid.season > 1 else _HALF)]
    stops = [*starts[1:], rows]
    tried = [
        _scored_block(series, start, stop, grid, score)
        for start, stop in zip(starts, stops, strict=True)
        if stop > start
    ]
    return [normal_deviations(series, block) for block in tried if block is not None]


def normal_deviations(series: DeviceSeries, block: ScoredBlock) -> Deviations:
    """Deviations of the rows of a block that are not labelled anomalies."""
    keep = series.is_normal[block.first : block.last]
    return block.deviations.rows(keep)


def threshold(scores: Sequence[Floats], rate: float) -> float:
    """The score that this fraction of the rows exceeds; infinite without rows."""
    pooled = np.concatenate([*scores, np.empty(0)])
    return float(np.quantile(pooled, 1 - rate)) if len(pooled) else float("inf")
