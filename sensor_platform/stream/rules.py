"""Alarm rules, one file (`rules.yaml`) per site. The same rules live and over history."""

from typing import Literal

import msgspec

from sensor_platform.kernel.durations import duration

Level = Literal["warning", "critical"]
LEVELS: tuple[Level, Level] = ("warning", "critical")
Limits = float | dict[Level, float]
Ranges = tuple[float, float] | dict[Level, tuple[float, float]]


class Flap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """More than `most` firings `within` a period: the alarm goes on, its notifications stop until it is calm again."""

    most: int = 5
    within: str = "10m"

    def __post_init__(self) -> None:
        """Refuse what is no duration."""
        duration(self.within)


class LocalCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Published to the local broker when the alarm reaches `level`, for instance to stop the machine."""

    topic: str
    """`{device}` and `{metric}` are filled in; a device whose id has / + # or a control character is left alone."""
    payload: str = ""
    level: Level = "critical"
    retain: bool = False


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What all rules share."""

    name: str
    devices: str = "*"
    """Glob of device ids."""
    tags: dict[str, str] = {}
    """Only devices with these tags."""
    severity: Level = "warning"
    """Level of limits that are given without one."""
    for_: str = msgspec.field(default="0s", name="for")
    """The condition must hold so long before the alarm fires."""
    clear_for: str = "0s"
    """It must be gone so long before the alarm is resolved."""
    renotify: str = ""
    """Notify again so often while it fires and nobody has acknowledged it; empty for never."""
    flap: Flap | None = None
    group_by: str = ""
    """`rule`, `device`, or the name of a tag: notifications that share it are sent as one."""
    group_wait: str = "5s"
    runbook: str = ""
    message: str = ""
    """Template of the first line: {rule} {device} {metric} {level} {value} {limit} {at} {runbook} and {tag_NAME}."""
    channels: tuple[str, ...] = ()
    """Instead of the routes by severity."""
    command: LocalCommand | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not self.name:
            raise ValueError("name must not be empty")
        for text in (self.for_, self.clear_for, self.group_wait, *([self.renotify] if self.renotify else [])):
            duration(text)


class Threshold(_Rule, frozen=True, kw_only=True, tag="threshold"):
    """A reading strictly above, below, or outside."""

    metric: str
    """Glob of metrics."""
    above: Limits | None = None
    below: Limits | None = None
    outside: Ranges | None = None
    clear_margin: float = 0.0
    """The alarm is held until the value is so far back inside."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        super(Threshold, self).__post_init__()  # noqa: UP008 - slots make a new class
        if self.above is None and self.below is None and self.outside is None:
            raise ValueError(f"rule {self.name!r} has neither above, below nor outside")


class Count(_Rule, frozen=True, kw_only=True, tag="count"):
    """More than so many readings beyond a limit within a window of event time (tumbling, aligned)."""

    metric: str
    above: float | None = None
    below: float | None = None
    more_than: int
    window: str = "1m"

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        super(Count, self).__post_init__()  # noqa: UP008 - slots make a new class
        if (self.above is None) == (self.below is None):
            raise ValueError(f"rule {self.name!r} needs above or below")
        if duration(self.window) < 1_000_000:
            raise ValueError("window is at least 1s")


class Rate(_Rule, frozen=True, kw_only=True, tag="rate"):
    """Change from one reading to the next, per unit of time, strictly above."""

    metric: str
    above: Limits
    per: str = "1m"
    direction: Literal["any", "rise", "fall"] = "any"
    clear_margin: float = 0.0


class Stuck(_Rule, frozen=True, kw_only=True, tag="stuck"):
    """Readings keep coming, and do not change."""

    metric: str
    unchanged_for: str = "10m"
    tolerance: float = 0.0
    """A change of at most so much is none."""


class NoData(_Rule, frozen=True, kw_only=True, tag="no_data"):
    """Nothing arrives: from a device, or of a metric of it."""

    metric: str = ""
    """Glob; empty for the device as a whole."""
    after: str = ""
    """Empty: `factor` times the usual pause between two arrivals, learned from the last sixteen."""
    factor: float = 5.0
    at_least: str = "10s"
    """Learned pauses count at least so long."""


class Condition(_Rule, frozen=True, kw_only=True, tag="expression"):
    """Several metrics of one device."""

    when: str
    max_age: str = "5m"
    """An older value counts as none."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        super(Condition, self).__post_init__()  # noqa: UP008 - slots make a new class
        from sensor_platform.stream.expression import parse  # with NumPy, only where there is a condition

        parse(self.when)
        duration(self.max_age)


class Anomaly(_Rule, frozen=True, kw_only=True, tag="anomaly"):
    """The anomaly score of a metric, as published, strictly above."""

    metric: str
    above: Limits
    clear_margin: float = 0.0


class Forecast(_Rule, frozen=True, kw_only=True, tag="forecast"):
    """A published hour lies outside the band that was forecast for it, by more than `margin`."""

    metric: str
    margin: float = 0.0


Rule = Threshold | Count | Rate | Stuck | NoData | Condition | Anomaly | Forecast

SCORE_OF = "anomaly_score:"
OUTSIDE_OF = "outside_forecast:"
"""Prefixes of the series that carry scores and distances from the forecast's band to the rules."""


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


def limits_in(rule: Threshold | Count) -> list[tuple[int, str, float]]:
    """The limits of a rule, to be shown: level number, `above` or `below`, value."""
    if isinstance(rule, Count):
        level = LEVELS.index(rule.severity) + 1
        return [(level, side, at) for side, at in (("above", rule.above), ("below", rule.below)) if at is not None]
    outside = ranges_by_level(rule.outside, rule.severity)
    sides = [
        ("above", by_level(rule.above, rule.severity) | {level: high for level, (_, high) in outside.items()}),
        ("below", by_level(rule.below, rule.severity) | {level: low for level, (low, _) in outside.items()}),
    ]
    return [(level, side, limit) for side, limits in sides for level, limit in limits.items()]


class Maintenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A planned outage: alarms are kept, notifications are not sent. Times are ISO 8601, UTC."""

    devices: str = "*"
    start: str
    end: str
    every: str = ""
    """Repeats so often, for instance `7d`; empty for once."""

    def __post_init__(self) -> None:
        """Refuse what is no time."""
        from datetime import datetime

        if datetime.fromisoformat(self.start) >= datetime.fromisoformat(self.end):
            raise ValueError("start must be before end")
        if self.every:
            duration(self.every)
