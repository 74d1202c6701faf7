"""`rules.yaml` of a site: rules, planned outages, channels, and which alarm goes to which channel."""

import re
from collections.abc import Mapping

import msgspec

from sensor_platform.alert.template import check_template
from sensor_platform.errors import WrongUse
from sensor_platform.stream.rules import AnyRule, Level, Maintenance

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where notifications go: exactly one of `url`, `mqtt` and `kafka`."""

    url: str = ""
    """Of apprise (mailtos://, json://, slack://, ...); `${NAME}` is taken from the environment, for secrets."""
    mqtt: str = ""
    """Topic; {rule}, {device}, {metric} and {level} are filled in."""
    kafka: str = ""
    """Topic; keyed by device."""
    retain: bool = False
    per_minute: int = 60
    """At most so many messages a minute; the rest waits."""
    attempts: int = 20
    """So many tries, with growing pauses, before a message goes to the dead letters. 20 are about two hours."""
    timeout_seconds: float = 5.0

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if sum(map(bool, (self.url, self.mqtt, self.kafka))) != 1:
            raise ValueError("a channel needs exactly one of url, mqtt and kafka")
        if self.per_minute < 1 or self.attempts < 1 or self.timeout_seconds <= 0:
            raise ValueError("per_minute, attempts and timeout_seconds must be positive")


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Alarms of a severity to channels. Every route that matches is taken."""

    severity: Level | None = None
    """None for both."""
    tags: dict[str, str] = {}
    """Only devices with these tags, for instance one plant."""
    channels: tuple[str, ...]


class AlertConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    rules: tuple[AnyRule, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    channels: dict[str, Channel] = {}
    routes: tuple[Route, ...] = ()

    def __post_init__(self) -> None:
        """Refuse names that occur twice or do not exist.

        Raises:
            ValueError: naming the rule or channel.
        """
        names = [rule.name for rule in self.rules]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"rules: two are called {twice!r}")
        used = [name for route in self.routes for name in route.channels]
        used += [name for rule in self.rules for name in rule.channels]
        if unknown := sorted(set(used) - set(self.channels)):
            raise ValueError(f"channels: there is none called {unknown[0]!r}")
        for rule in self.rules:
            try:
                check_template(rule.message)
            except ValueError as error:
                raise ValueError(f"message of rule {rule.name!r}: {error}") from error


def fill_variables(url: str, variables: Mapping[str, str]) -> str:
    """The URL with its `${NAME}`s from the environment.

    Raises:
        WrongUse: one is not set.
    """
    for name in _VARIABLE.findall(url):
        if name not in variables:
            raise WrongUse(f"rules.yaml: ${{{name}}} of a channel is not set", f"set {name} in the environment")
    return _VARIABLE.sub(lambda match: variables[match[1]], url)
