"""What all alert rules share, and what a rule kind defines. Loads nothing heavy: every command reads the rules."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from sensor_platform.kernel.clock import SECOND
from sensor_platform.kernel.durations import duration
from sensor_platform.reading.names import topic_error
from sensor_platform.stream.alert_state import AlertState, Observation, Timing

if TYPE_CHECKING:
    from sensor_platform.stream.columns import Readings
    from sensor_platform.stream.observations import Observations, PreviousReadings
    from sensor_platform.stream.series import Ints, SeriesIndex

Level = Literal["warning", "critical"]
LEVELS: tuple[Level, Level] = ("warning", "critical")

SCORE_OF = "anomaly_score:"
OUTSIDE_OF = "outside_forecast:"
SERIES_PREFIXES = (SCORE_OF, OUTSIDE_OF)
"""Prefixes of the metric of series that do not come from devices but from the published tables."""


class Flap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """After more than `most` firings `within` a period, further firings are not notified until the period is calm."""

    most: int = 5
    within: str = "10m"

    def __post_init__(self) -> None:
        """Check the duration.

        Raises:
            ValueError: `within` is not a duration.
        """
        duration(self.within)


class LocalCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Message that is published to the local broker when an alert reaches `level`, for instance to stop the machine."""

    topic: str
    """`{device}` and `{metric}` are filled in; a device whose id has / + # or a control character gets no command."""
    payload: str = ""
    level: Level = "critical"
    retain: bool = False


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """One alert rule. Its subclasses are the rule kinds.

    A kind has its keys as fields and the value of `kind` as the tag of the class. It defines at least `observer`, and
    imports NumPy only inside methods.
    """

    series_prefix: ClassVar[str] = ""
    """One of SERIES_PREFIXES for a kind that observes such series; empty for readings of devices."""

    name: str
    devices: str = "*"
    """Glob of device ids."""
    tags: dict[str, str] = {}
    """Only devices that have these tags."""
    severity: Level = "warning"
    """Level of limits that are given without one."""
    for_: str = msgspec.field(default="0s", name="for")
    """Time that the condition must hold before the alert fires."""
    clear_for: str = "0s"
    """Time that the condition must be gone before the alert is resolved."""
    renotify: str = ""
    """Interval of reminders while the alert fires and is not acknowledged; empty for none."""
    flap: Flap | None = None
    group_by: str = ""
    """`rule`, `device`, or the name of a tag: notifications with the same value are sent as one."""
    group_wait: str = "5s"
    runbook: str = ""
    message: str = ""
    """Template of the first line: {rule} {device} {metric} {level} {value} {limit} {at} {runbook} and {tag_NAME}."""
    channels: tuple[str, ...] = ()
    """Used instead of the routes by severity."""
    command: LocalCommand | None = None

    def __post_init__(self) -> None:
        """Check what all kinds share.

        Raises:
            ValueError: the name is empty, a text is not a duration, or the rule can never do what it says.
        """
        if not self.name:
            raise ValueError("name must not be empty")
        for text in (self.for_, self.clear_for, self.group_wait, *([self.renotify] if self.renotify else [])):
            duration(text)
        if self.renotify and duration(self.renotify) < SECOND:
            raise ValueError(f"rule {self.name!r}: renotify is at least 1s")

    def check_command(self) -> None:
        """Check that the command can ever be sent.

        Raises:
            ValueError: naming the keys.
        """
        if self.command is None:
            return
        if reason := topic_error(self.command.topic):
            raise ValueError(f"rule {self.name!r}, command.topic: {reason}")
        if LEVELS.index(self.command.level) + 1 > self.highest_level:
            raise ValueError(
                f"rule {self.name!r} is never critical, so its command is never sent:"
                " write severity: critical, or level: warning in command"
            )

    @property
    def level(self) -> int:
        """`severity` as a number: 1 warning, 2 critical."""
        return LEVELS.index(self.severity) + 1

    @property
    def highest_level(self) -> int:
        """The highest level that its alerts can have."""
        return self.level

    @property
    def is_about_devices(self) -> bool:
        """Whether it has one alert per device; False for one alert per series."""
        return False

    def timing(self) -> Timing:
        """The times of its alerts."""
        return Timing(
            wait=duration(self.for_),
            clear=duration(self.clear_for),
            renotify=duration(self.renotify) if self.renotify else 0,
            flap_most=self.flap.most if self.flap else 0,
            flap_within=duration(self.flap.within) if self.flap else 0,
        )

    def is_about_device(self, device_id: str, tags: Mapping[str, str]) -> bool:
        """Whether it applies to a device with these tags."""
        return fnmatchcase(device_id, self.devices) and self.tags.items() <= tags.items()

    def is_about_metric(self, metric: str) -> bool:
        """Whether it observes a metric, which may have one of SERIES_PREFIXES."""
        raise NotImplementedError

    def observer(self, index: "SeriesIndex") -> "RuleObserver":
        """A new observer, with nothing remembered yet."""
        raise NotImplementedError

    def limits(self) -> list[tuple[int, str, float]]:
        """Limits that a chart of the metric shows: level number, `above` or `below`, value in the metric's unit."""
        return []

    def limit_text(self) -> str:
        """The condition in a few words, for events and notifications."""
        return ""


class MetricRule(Rule, frozen=True, kw_only=True):
    """A rule about the series of one or several metrics."""

    metric: str
    """Glob of metrics."""

    def is_about_metric(self, metric: str) -> bool:
        """Whether the glob matches the metric without its prefix, and the prefix is the one of the kind."""
        prefix = next((each for each in SERIES_PREFIXES if metric.startswith(each)), "")
        return prefix == self.series_prefix and fnmatchcase(metric.removeprefix(prefix), self.metric or "*")


class RuleObserver:
    """Turns batches of readings into observations for the alert states of one rule, and remembers what it needs."""

    __slots__ = ()
    is_about_arrivals: ClassVar[bool] = False
    """True: `arrivals` is called, with every reading; False: `observe` is called, with usable readings."""

    def observe(self, readings: "Readings", previous: "PreviousReadings") -> "Observations":
        """Observations of a batch.

        Args:
            readings: of series that the rule is about, not bad, not older than an earlier one of the series; in order
                of series and arrival.
            previous: the reading before each of them in its series.
        """
        raise NotImplementedError

    def arrivals(
        self, key: "Ints", received_at: "Ints", event_at: "Ints", alerts: Mapping[int, AlertState]
    ) -> Iterable[tuple[int, Observation]]:
        """Observations of single keys that arrivals cause; the caller feeds each to its alert before it asks for more.

        Args:
            key: series of each reading, or its device where the rule is about devices; sorted, then by arrival.
            received_at: microseconds.
            event_at: microseconds.
            alerts: the rule's alert states by key, only those that are not at rest.
        """
        raise NotImplementedError

    def due(self, now: int, alerts: Mapping[int, AlertState]) -> Iterable[tuple[int, Observation]]:
        """Observations of single keys that the passing of time causes; `now` is arrival time in microseconds."""
        del now, alerts
        return ()

    def set_back(self, now: int) -> None:
        """The clock was set back to `now`, microseconds: what it remembers of later times is of `now` instead."""
        del now

    def forget(self, keys: "Ints") -> None:
        """Drop what it waits for of keys that were forgotten. What it says of a key without a name is ignored."""
        del keys

    def dump(self) -> dict[str, Any]:
        """What it remembers, for a snapshot; plain values and bytes under names other than `rule` and `alarms`."""
        return {}

    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `dump` returned for the same rule."""
