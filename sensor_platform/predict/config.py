"""What the forecaster is told: which metrics, how far ahead, on how much history."""

import msgspec

MOST_HOURS_AHEAD = 168
"""A week: further ahead there is no seasonal lag to lean on."""


class ForecastConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `forecast` of site.yaml. With no metrics nothing is trained and `predictions` stays empty."""

    metrics: tuple[str, ...] = ()
    horizons: tuple[int, ...] = (1, 2, 3, 6, 12, 24)
    """Hours ahead."""
    min_history_hours: int = 24 * 7
    """A metric with fewer hours of history than this waits."""
    train_days: int = 365
    """Newest days of history that training uses."""
    backtest_hours: int = 24 * 14
    """Newest hours, at most a quarter of the history, kept back to compare with the baselines and to calibrate."""
    seed: int = 7
    parallel_fits: int = 2
    """Models trained side by side, one thread each."""

    def __post_init__(self) -> None:
        """Refuse what no forecast can be made of; msgspec turns the ValueError into a message with file and line."""
        if not self.horizons or min(self.horizons) < 1 or max(self.horizons) > MOST_HOURS_AHEAD:
            raise ValueError(f"horizons are whole hours from 1 to {MOST_HOURS_AHEAD}, at least one")
        if len(set(self.horizons)) != len(self.horizons) or len(set(self.metrics)) != len(self.metrics):
            raise ValueError("metrics and horizons name each entry once")
        if min(self.min_history_hours, self.train_days, self.backtest_hours, self.parallel_fits) < 1:
            raise ValueError("min_history_hours, train_days, backtest_hours and parallel_fits are at least 1")
