"""What the forecaster is told: which metrics, how far ahead, on how much history."""

import msgspec


class ForecastConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `forecast` of site.yaml. With no metrics nothing is trained and `predictions` stays empty."""

    metrics: tuple[str, ...] = ()
    horizons: tuple[int, ...] = (1, 2, 3, 6, 12, 24)
    """Hours ahead."""
    min_history_hours: int = 24 * 7
    """A metric with fewer hours of history than this waits."""
    train_days: int = 365
    """Newest days of history that training uses."""
    backtest_hours: int = 24 * 7
    """Newest hours kept out of training and used to compare the model with its baselines."""
    seed: int = 7
