"""Time grid: step and seasonal period of a series.

The platform forecasts hours (`HOURLY`); `evaluate` uses other steps.
"""

from dataclasses import dataclass

from sensor_platform.kernel.clock import DAY, HOUR

LEAST_REACH = 168
MOST_SEASON = 3_000
"""Longer seasons are ignored: each series is padded with several seasons, which would cost too much memory."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Steps of equal length, counted from the epoch, UTC."""

    step_us: int
    """Length of a step, microseconds."""
    season: int
    """Steps in a day; for daily steps in a week, for weekly steps in a year; 1 without a season."""
    long_season: int
    """Steps in a week; equal to `season` where there is no longer season."""
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
    """The time grid of series with this step.

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
    """Steps in a day and in a week; for daily steps twice those in a week, for weekly steps twice those in a year."""
    if step_us < DAY:
        day = _whole(DAY, step_us)
        return day, 7 * day
    season = {DAY: 7, 7 * DAY: 52}.get(step_us, 1)
    return season, season


def _whole(length: int, step: int) -> int:
    """How often `step` fits into `length`; 0 where it does not fit evenly."""
    return length // step if length % step == 0 else 0
