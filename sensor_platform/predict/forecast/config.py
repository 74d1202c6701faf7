"""Settings of the forecaster: metrics, horizons, length of the history."""

import msgspec

MOST_HOURS_AHEAD = 168
"""A week: no seasonal lag reaches further."""


class ForecastConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `forecast` of site.yaml. With no metrics nothing is trained and `predictions` stays empty."""

    metrics: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    """Further metrics that are looked at, of the same device, but not forecast."""
    horizons: tuple[int, ...] = (1, 2, 3, 6, 12, 24)
    """Hours ahead."""
    min_history_hours: int = 24 * 7
    """A metric with fewer hours of history than this waits."""
    train_days: int = 730
    """Newest days of history that training uses."""
    backtest_hours: int = 24 * 90
    """Newest hours, at most a quarter of the history, that the candidates are compared and calibrated on."""
    record_hours: int = 24 * 60
    """Newest hours of what was forecast and came, by which choice and intervals are adjusted."""
    seed: int = 7
    parallel_fits: int = 2
    """Models trained side by side, one thread each."""

    def __post_init__(self) -> None:
        """Refuse what no forecast can be made of; msgspec turns the ValueError into a message with file and line."""
        if not self.horizons or min(self.horizons) < 1 or max(self.horizons) > MOST_HOURS_AHEAD:
            raise ValueError(f"horizons are whole hours from 1 to {MOST_HOURS_AHEAD}, at least one")
        if any(len(set(each)) != len(each) for each in (self.horizons, self.looked_at)):
            raise ValueError("metrics, inputs and horizons name each entry once")
        if min(self.min_history_hours, self.train_days, self.backtest_hours, self.record_hours, self.parallel_fits) < 1:
            raise ValueError(
                "min_history_hours, train_days, backtest_hours, record_hours, parallel_fits are at least 1"
            )

    @property
    def looked_at(self) -> tuple[str, ...]:
        """Metrics that features are made of."""
        return (*self.metrics, *self.inputs)
