"""Rule kind `threshold`: a reading strictly above, below or outside its limits."""

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
        """Check that there is a limit.

        Raises:
            ValueError: naming the rule.
        """
        super(Threshold, self).__post_init__()  # noqa: UP008 - slots make a new class
        if self.above is None and self.below is None and self.outside is None:
            raise ValueError(f"rule {self.name!r} has neither above, below nor outside")

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
