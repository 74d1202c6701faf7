"""Rule kind `threshold`: a reading strictly above, below or outside its limits."""

import math
from typing import TYPE_CHECKING

from sensor_platform.stream.rule_kinds.rule import LEVELS, Level, MetricRule, RuleObserver

if TYPE_CHECKING:
    from sensor_platform.stream.series import SeriesIndex

Limits = float | dict[Level, float]
Ranges = tuple[float, float] | dict[Level, tuple[float, float]]


class Threshold(MetricRule, frozen=True, kw_only=True, tag="threshold"):
    """A reading strictly above, below, or outside."""

    above: Limits | None = None
    below: Limits | None = None
    outside: Ranges | None = None
    clear_margin: float = 0.0
    """Distance inside the limit that the value must reach before the alert clears."""

    def __post_init__(self) -> None:
        """Check that there is a limit, and that the limits make sense.

        Raises:
            ValueError: naming the rule.
        """
        super(Threshold, self).__post_init__()  # noqa: UP008 - slots make a new class
        if self.above is None and self.below is None and self.outside is None:
            raise ValueError(f"rule {self.name!r} has neither above, below nor outside")
        check_limits(self.name, by_level(self.above, self.severity), is_above=True)
        check_limits(self.name, by_level(self.below, self.severity), is_above=False)
        outside = ranges_by_level(self.outside, self.severity)
        check_limits(self.name, {level: high for level, (_, high) in outside.items()}, is_above=True)
        check_limits(self.name, {level: low for level, (low, _) in outside.items()}, is_above=False)
        if any(low > high for low, high in outside.values()):
            raise ValueError(f"rule {self.name!r}: outside is [low, high]")
        check_margin(self.name, self.clear_margin)

    @property
    def highest_level(self) -> int:
        """The highest level that has a limit."""
        return max((level for level, _, _ in self.limits()), default=self.level)

    def observer(self, index: "SeriesIndex") -> RuleObserver:
        """Compares every reading with the limits."""
        from sensor_platform.stream.rule_kinds.limit_observer import LimitObserver

        del index
        return LimitObserver(
            by_level(self.above, self.severity),
            by_level(self.below, self.severity),
            ranges_by_level(self.outside, self.severity),
            self.clear_margin,
        )

    def limits(self) -> list[tuple[int, str, float]]:
        """Both sides of `outside` are limits too."""
        outside = ranges_by_level(self.outside, self.severity)
        sides = [
            ("above", by_level(self.above, self.severity) | {level: high for level, (_, high) in outside.items()}),
            ("below", by_level(self.below, self.severity) | {level: low for level, (low, _) in outside.items()}),
        ]
        return [(level, side, limit) for side, limits in sides for level, limit in limits.items()]

    def limit_text(self) -> str:
        """For instance `above 60.0/80.0`."""
        sides = (("above", self.above), ("below", self.below), ("outside", self.outside))
        return " ".join(limit_words(side, limits) for side, limits in sides if limits is not None)


def check_limits(name: str, limits: dict[int, float], *, is_above: bool) -> None:
    """Check limits by level: the critical one is further out than the warning.

    Raises:
        ValueError: naming the rule.
    """
    if any(math.isnan(limit) for limit in limits.values()):
        raise ValueError(f"rule {name!r}: a limit is not a number")
    side = "above" if is_above else "below"
    if {1, 2} <= set(limits) and (limits[2] < limits[1] if is_above else limits[2] > limits[1]):
        raise ValueError(f"rule {name!r}, {side}: critical {limits[2]:g} is reached before warning {limits[1]:g}")


def check_margin(name: str, margin: float) -> None:
    """Check `clear_margin`.

    Raises:
        ValueError: naming the rule.
    """
    if not 0 <= margin < math.inf:
        raise ValueError(f"rule {name!r}: clear_margin is a number of at least 0")


def by_level(limits: Limits | None, severity: Level) -> dict[int, float]:
    """Level number (1 warning, 2 critical) to limit."""
    if limits is None:
        return {}
    given = limits if isinstance(limits, dict) else {severity: limits}
    return {LEVELS.index(level) + 1: limit for level, limit in given.items()}


def ranges_by_level(ranges: Ranges | None, severity: Level) -> dict[int, tuple[float, float]]:
    """Level number to (low, high)."""
    if ranges is None:
        return {}
    given = ranges if isinstance(ranges, dict) else {severity: ranges}
    return {LEVELS.index(level) + 1: limit for level, limit in given.items()}


def limit_words(side: str, limits: Limits | Ranges) -> str:
    """For instance `above 60.0/80.0`."""
    given = "/".join(map(str, limits.values())) if isinstance(limits, dict) else str(limits)
    return f"{side} {given}"
