"""Settings of the anomaly scores."""

from typing import Literal

import msgspec

Score = Literal["band", "residual"]


class AnomalyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `anomaly` of site.yaml."""

    metrics: tuple[str, ...] = ()
    """Metrics to score; empty for those of `forecast.metrics`."""
    score: Score = "band"
    """Which of the two scores is served: the robust band, or the residual against the other metrics."""
    false_alarm_rate: float = 0.05
    """Fraction of normal hours that may raise an alarm; the threshold is a quantile of out-of-sample scores."""

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            ValueError: no threshold can be made for that rate.
        """
        if not 0 < self.false_alarm_rate < 0.5:
            raise ValueError("false_alarm_rate lies between 0 and 0.5")
