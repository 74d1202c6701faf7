"""After how many steps series repeat themselves, where the clock does not say: a machine's cycle, step numbers."""

from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.predict.features.grid import LEAST_REACH, MOST_SEASON, Grid
from sensor_platform.predict.features.panel import Floats

if TYPE_CHECKING:
    import polars as pl

_SERIES = 40
_NEWEST = 20_000
"""Steps of a series that are looked at."""
_CYCLES = 5
"""A season must have been seen this often."""
_LEAST = 0.3
_STANDS_OUT = 0.2
"""By so much must the correlation at the season exceed the lowest before it, and that at the clock's own season."""
_AGAIN = 0.6
"""Share of it that must still be there after two seasons: a random walk's falls."""


def season_of(frame: "pl.DataFrame", target: str, grid: Grid) -> int | None:
    """A season that is clearer than the clock's, in steps; None where there is none.

    Args:
        frame: device_id, window_start and `target`, sorted, of the part that may be learnt from.
        target: column that is looked at.
        grid: raster with the season of the clock.
    """
    import polars as pl

    known = frame.drop_nulls(target)
    names = known["device_id"].value_counts(sort=True)["device_id"].head(_SERIES)
    parts = [
        _correlations(part, target, grid)
        for _, part in known.filter(pl.col("device_id").is_in(names.implode())).group_by(
            "device_id", maintain_order=True
        )
    ]
    parts = [each for each in parts if len(each) > 2]
    if not parts:
        return None
    length = int(np.median([len(each) for each in parts]))
    parts = [each[:length] for each in parts if len(each) >= length]
    return _clearest(np.mean(parts, axis=0), grid)


def with_season(grid: Grid, season: int, horizon: int) -> Grid:
    """The raster with this season, and the clock's own as the longer one where it is longer."""
    long_season = max(season, grid.season)
    return Grid(grid.step_us, season, long_season, max(LEAST_REACH, 2 * season, long_season, horizon))


def _correlations(frame: "pl.DataFrame", target: str, grid: Grid) -> Floats:
    """Of a series with itself, by lag from 0, up to a fifth of its newest stretch; gaps count as its trend."""
    step = frame["window_start"].dt.epoch("us").to_numpy() // grid.step_us
    value = frame[target].to_numpy()
    newest = step > step[-1] - _NEWEST
    step, value = step[newest], value[newest]
    if len(step) < 2 * _CYCLES or len(step) < (step[-1] - step[0]) / 4:
        return np.empty(0)
    off = value - np.polyval(np.polyfit(step - step[0], value, 1), step - step[0])
    far = 5 * float(np.median(np.abs(off)))
    full = np.zeros(int(step[-1] - step[0]) + 1)
    full[step - step[0]] = np.clip(off, -far, far)
    power = np.abs(np.fft.rfft(full, 2 * len(full))) ** 2
    raw = np.fft.irfft(power)[: min(len(full) // _CYCLES, MOST_SEASON) + 1]
    found: Floats = raw / raw[0] * len(full) / (len(full) - np.arange(len(raw))) if raw[0] > 0 else np.empty(0)
    return found


def _clearest(correlation: Floats, grid: Grid) -> int | None:
    inside = np.arange(2, len(correlation) - 1)
    peaks = inside[(correlation[inside] >= correlation[inside - 1]) & (correlation[inside] > correlation[inside + 1])]
    lowest = np.minimum.accumulate(correlation)
    twice = np.minimum(2 * peaks, len(correlation) - 1)
    stands = (correlation[peaks] >= _LEAST) & (correlation[peaks] - lowest[peaks] >= _STANDS_OUT)
    # Half a step's error of a season that is no whole number of steps doubles with it: look around twice the lag.
    around = np.max([correlation[np.clip(twice + d, 0, len(correlation) - 1)] for d in (-1, 0, 1)], axis=0)
    peaks = peaks[stands & ((2 * peaks >= len(correlation)) | (around >= _AGAIN * correlation[peaks]))]
    if not len(peaks):
        return None
    best = correlation[peaks].max()
    season = int(peaks[correlation[peaks] >= 0.9 * best][0])
    of_clock = correlation[grid.season] if 1 < grid.season < len(correlation) else 0.0
    is_of_clock = grid.season > 1 and season % grid.season == 0
    return None if is_of_clock or best < of_clock + _STANDS_OUT else season
