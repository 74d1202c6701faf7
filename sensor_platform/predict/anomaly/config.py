"""What the anomaly scores are told."""

from typing import Literal

import msgspec

Score = Literal["band", "residual"]


class AnomalyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `anomaly` of site.yaml. Forecast metrics are scored too where `metrics` is empty."""

    metrics: tuple[str, ...] = ()
    """Metrics to score; none for those of `forecast.metrics`."""
    score: Score = "band"
    """Which of the two scores is served: the robust band, or the residual against the other metrics."""
    false_alarm_rate: float = 0.05
    """Share of ordinary hours that may be flagged: the threshold is this quantile of scores outside of what was fit."""

    def __post_init__(self) -> None:
        """Refuse what no threshold can be made of."""
        if not 0 < self.false_alarm_rate < 0.5:
            raise ValueError("false_alarm_rate lies between 0 and 0.5")
