"""The raster that a series lies on: how long a step is, and after how many steps it repeats itself.

The platform forecasts hours (`HOURLY`). `evaluate` meets every other cadence; nothing else in this room knows clocks.
"""

from dataclasses import dataclass

from sensor_platform.kernel.clock import DAY, HOUR

LEAST_REACH = 168
MOST_SEASON = 3_000
"""A season of more steps is not looked for: padding each series with seven of them would cost more than it tells."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Steps of equal length, counted from the epoch, UTC."""

    step_us: int
    """Length of a step, microseconds."""
    season: int
    """Steps in a day (for steps of a day in a week, of a week in a year); 1 where there is none to look for."""
    long_season: int
    """Steps in a week; equal to `season` where there is no longer one."""
    reach: int = LEAST_REACH
    """Steps before a row that its features depend on, and the longest horizon."""

    @property
    def windows(self) -> tuple[int, ...]:
        """Lengths of the rolling windows, in steps, ascending."""
        return tuple(sorted({6, 24, LEAST_REACH, self.season, self.long_season} - {1}))

    @property
    def lags(self) -> tuple[int, ...]:
        """Steps back at which the value itself is an input, ascending."""
        return tuple(sorted({*range(1, 25), self.season, 2 * self.season, self.long_season, 48, LEAST_REACH}))


HOURLY = Grid(HOUR, 24, 168)


def grid_for(step_us: int, longest_span: int, horizon: int) -> Grid:
    """The raster of series with this cadence.

    Args:
        step_us: length of a step, microseconds.
        longest_span: steps from the first to the last value of the longest series. A season counts where this holds
            three of them.
        horizon: steps ahead that are asked for.
    """
    day, week = _seasons(step_us)
    season = day if 2 <= day <= MOST_SEASON and longest_span >= 3 * day else 1
    long_season = week if season > 1 and week <= MOST_SEASON and longest_span >= 3 * week else season
    return Grid(step_us, season, long_season, max(LEAST_REACH, 2 * season, long_season, horizon))


def _seasons(step_us: int) -> tuple[int, int]:
    """Steps in a day and in a week; for steps of a day in a week, of a week in a year."""
    if step_us < DAY:
        day = _whole(DAY, step_us)
        return day, 7 * day
    season = {DAY: 7, 7 * DAY: 52}.get(step_us, 1)
    return season, season


def _whole(length: int, step: int) -> int:
    """How often `step` fits into `length`; 0 where it does not fit evenly."""
    return length // step if length % step == 0 else 0
