"""Time grid of a file: step length, forecast horizons, and the season, from the calendar or from the values.

The values show a season that the calendar lacks where a machine has a cycle of its own or times are step numbers.
"""

from typing import TYPE_CHECKING

import numpy as np

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import DAY, HOUR, MINUTE, SECOND
from sensor_platform.predict.features.grid import LEAST_REACH, MOST_SEASON, Grid, grid_for
from sensor_platform.predict.features.panel import Floats

if TYPE_CHECKING:
    import polars as pl

_SERIES = 40
_NEWEST = 20_000
"""Newest steps of a series that are examined."""
_CYCLES = 5
"""A season must fit this many times into the examined steps."""
_LEAST = 0.3
"""Least correlation at the season."""
_STANDS_OUT = 0.2
"""The correlation at the season must exceed the lowest one before it, and that at the calendar's season, by this."""
_AGAIN = 0.6
"""Fraction of the correlation that must remain after two seasons; that of a random walk falls."""
MOST_HORIZONS = 48


def cadence_text(step: int) -> str:
    """A step length in microseconds as text, such as `10 min`."""
    for length, word in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s")):
        if step % length == 0:
            return f"{step // length} {word}"
    return f"{step} us"


def cadence(frame: "pl.DataFrame", notes: list[str]) -> int:
    """Most common distance between rows of a series, microseconds.

    Raises:
        WrongUse: no series has two different times.
    """
    import polars as pl

    apart = frame.select(pl.col("window_start").diff().over("device_id").dt.total_microseconds().alias("apart"))
    seen = apart.filter(pl.col("apart") > 0)["apart"]
    if not len(seen):
        raise WrongUse("no series has two different times", "name the column of series with --series")
    counts = seen.value_counts(sort=True)
    step, share = int(counts["apart"][0]), counts["count"][0] / len(seen)
    if share < 0.5:
        step = _round_length(int(seen.median() or step))  # type: ignore[arg-type]  # Polars types it as any literal
        notes.append(f"times are irregular: values were averaged over steps of {cadence_text(step)}")
    return step


def _round_length(micros: int) -> int:
    """The nearest of the usual step lengths from 1 s to 1 d, for irregular times."""
    lengths = [n * SECOND for n in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)]
    return min(lengths, key=lambda each: abs(np.log(each / micros))) if micros >= SECOND // 2 else max(1, micros)


def tested_horizons(longest: int, notes: list[str]) -> tuple[int, ...]:
    """All horizons up to 48 steps; beyond that 48 of them, spaced geometrically, with the first and the last."""
    if longest <= MOST_HORIZONS:
        return tuple(range(1, longest + 1))
    spread = np.unique(np.rint(np.geomspace(1, longest, MOST_HORIZONS)).astype(int))
    notes.append(f"{len(spread)} of the {longest} horizons were forecast, from 1 to {longest}")
    return tuple(int(each) for each in spread)


def calendar_grid(frame: "pl.DataFrame", step: int, horizon: int) -> Grid:
    """The grid with the seasons of the calendar that the longest series is long enough for.

    Args:
        frame: device_id and window_start.
        step: step length, microseconds.
        horizon: steps ahead.
    """
    import polars as pl

    number = pl.col("window_start").dt.epoch("us").floordiv(step)
    spans = frame.group_by("device_id").agg((number.max() - number.min()).alias("span"))["span"]
    return grid_for(step, int(spans.max() or 0), horizon)  # type: ignore[arg-type]  # Polars types it as any literal


def seasonal_grid(frame: "pl.DataFrame", target: str, grid: Grid, horizon: int, notes: list[str]) -> Grid:
    """The grid with the season of the values before the test, where that is clearer than the calendar's."""
    found = season_of(frame, target, grid)
    if found is not None:
        notes.append(f"values of {target} repeat after {found} steps, which is used as the season")
        long_season = max(found, grid.season)
        return Grid(grid.step_us, found, long_season, max(LEAST_REACH, 2 * found, long_season, horizon))
    if grid.season < 2:
        notes.append("no season fits the cadence and the history: the seasonal naive forecast is the last value")
    return grid


def season_of(frame: "pl.DataFrame", target: str, grid: Grid) -> int | None:
    """A season that is clearer than the calendar's, in steps; None where there is none.

    Args:
        frame: device_id, window_start and `target`, sorted; rows before the test only.
        target: the column to examine.
        grid: grid with the season of the calendar.
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


def _correlations(frame: "pl.DataFrame", target: str, grid: Grid) -> Floats:
    """Autocorrelation by lag from 0 to a fifth of the examined steps; the trend is removed, gaps count as 0."""
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
    # Where a season is not a whole number of steps, the error of half a step doubles: look around twice the lag.
    around = np.max([correlation[np.clip(twice + d, 0, len(correlation) - 1)] for d in (-1, 0, 1)], axis=0)
    peaks = peaks[stands & ((2 * peaks >= len(correlation)) | (around >= _AGAIN * correlation[peaks]))]
    if not len(peaks):
        return None
    best = correlation[peaks].max()
    season = int(peaks[correlation[peaks] >= 0.9 * best][0])
    of_calendar = correlation[grid.season] if 1 < grid.season < len(correlation) else 0.0
    is_of_calendar = grid.season > 1 and season % grid.season == 0
    return None if is_of_calendar or best < of_calendar + _STANDS_OUT else season
