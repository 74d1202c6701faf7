"""Rule kind `rate`: the change from one reading to the next, per unit of time, strictly above a limit."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sensor_platform.kernel.durations import duration, duration_text
from sensor_platform.stream.rule_kinds.rule import MetricRule, RuleObserver
from sensor_platform.stream.rule_kinds.threshold import Limits, by_level, check_limits, check_margin, limit_words

if TYPE_CHECKING:
    from sensor_platform.stream.columns import Readings
    from sensor_platform.stream.observations import Observations, PreviousReadings
    from sensor_platform.stream.series import SeriesIndex

_SIGNS = {"any": 0, "rise": 1, "fall": -1}


class Rate(MetricRule, frozen=True, kw_only=True, tag="rate"):
    """Change from one reading to the next, per unit of time, strictly above."""

    above: Limits
    per: str = "1m"
    direction: Literal["any", "rise", "fall"] = "any"
    clear_margin: float = 0.0

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            ValueError: naming the rule.
        """
        super(Rate, self).__post_init__()  # noqa: UP008 - slots make a new class
        check_limits(self.name, by_level(self.above, self.severity), is_above=True)
        check_margin(self.name, self.clear_margin)

    @property
    def highest_level(self) -> int:
        """The highest level that has a limit."""
        return max(by_level(self.above, self.severity), default=self.level)

    def observer(self, index: "SeriesIndex") -> RuleObserver:
        """Compares every reading with the one before it."""
        from sensor_platform.stream.rule_kinds.limit_observer import LimitObserver

        del index
        limits = LimitObserver(by_level(self.above, self.severity), margin=self.clear_margin)
        return RateObserver(limits, duration(self.per), _SIGNS[self.direction])

    def limit_text(self) -> str:
        """For instance `above 120.0 per 1m`."""
        return f"{limit_words('above', self.above)} per {duration_text(duration(self.per))}"


@dataclass(slots=True)
class RateObserver(RuleObserver):
    """Remembers nothing: the caller has the reading before."""

    limits: RuleObserver
    per: int
    sign: int
    """1 for rises, -1 for falls, 0 for both."""

    def observe(self, readings: "Readings", previous: "PreviousReadings") -> "Observations":
        """Every reading that is later than the one before it is an observation of the change."""
        import numpy as np

        from sensor_platform.stream.series import NEVER

        is_compared = (previous.at > NEVER) & (readings.event_at > previous.at)
        some = readings.pick(is_compared)
        pause = (some.event_at - previous.at[is_compared]) / self.per
        change = (some.value - previous.value[is_compared]) / pause
        some.value = change * self.sign if self.sign else np.abs(change)
        return self.limits.observe(some, previous)
