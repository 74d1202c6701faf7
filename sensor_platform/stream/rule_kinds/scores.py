"""Rule kinds `anomaly` and `forecast`: rules about series that are computed from the published tables."""

from typing import TYPE_CHECKING, ClassVar

from sensor_platform.stream.rule_kinds.rule import OUTSIDE_OF, SCORE_OF, MetricRule, RuleObserver
from sensor_platform.stream.rule_kinds.threshold import Limits, by_level, check_limits, check_margin, limit_words

if TYPE_CHECKING:
    from sensor_platform.stream.series import SeriesIndex


class Anomaly(MetricRule, frozen=True, kw_only=True, tag="anomaly"):
    """The published anomaly score of a metric, divided by its threshold, strictly above."""

    series_prefix: ClassVar[str] = SCORE_OF

    above: Limits
    clear_margin: float = 0.0

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            ValueError: naming the rule.
        """
        super(Anomaly, self).__post_init__()  # noqa: UP008 - slots make a new class
        check_limits(self.name, by_level(self.above, self.severity), is_above=True)
        check_margin(self.name, self.clear_margin)

    @property
    def highest_level(self) -> int:
        """The highest level that has a limit."""
        return max(by_level(self.above, self.severity), default=self.level)

    def observer(self, index: "SeriesIndex") -> RuleObserver:
        """Compares every score with the limits."""
        from sensor_platform.stream.rule_kinds.limit_observer import LimitObserver

        del index
        return LimitObserver(by_level(self.above, self.severity), margin=self.clear_margin)

    def limit_text(self) -> str:
        """For instance `above 1.0`."""
        return limit_words("above", self.above)


class Forecast(MetricRule, frozen=True, kw_only=True, tag="forecast"):
    """The mean of a published hour lies outside its forecast band by more than `margin`, in the metric's unit."""

    series_prefix: ClassVar[str] = OUTSIDE_OF

    margin: float = 0.0

    def observer(self, index: "SeriesIndex") -> RuleObserver:
        """Compares every distance from the band with the margin."""
        from sensor_platform.stream.rule_kinds.limit_observer import LimitObserver

        del index
        return LimitObserver({self.level: self.margin})
