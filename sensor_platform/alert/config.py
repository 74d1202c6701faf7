"""`rules.yaml` of a site: rules, maintenance, channels, and the routes of alerts to channels."""

import re
from collections.abc import Mapping

import msgspec

from sensor_platform.alert.template import check_template
from sensor_platform.errors import WrongUse
from sensor_platform.reading.names import topic_error
from sensor_platform.stream.rules import AnyRule, Level, Maintenance

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Destination of notifications: exactly one of `url`, `mqtt` and `kafka`."""

    url: str = ""
    """Apprise URL (mailtos://, json://, slack://, ...); `${NAME}` is taken from the environment, for secrets."""
    mqtt: str = ""
    """Topic; {rule}, {device}, {metric} and {level} are filled in."""
    kafka: str = ""
    """Topic; messages are keyed by device."""
    retain: bool = False
    per_minute: int = 60
    """Maximum messages per minute; further ones wait."""
    attempts: int = 20
    """Attempts, with growing pauses, before a message becomes a dead letter. 20 take about two hours."""
    timeout_seconds: float = 5.0

    def __post_init__(self) -> None:
        """Check the destination and the bounds.

        Raises:
            ValueError: naming the keys.
        """
        if sum(map(bool, (self.url, self.mqtt, self.kafka))) != 1:
            raise ValueError("a channel needs exactly one of url, mqtt and kafka")
        if self.mqtt and (reason := topic_error(self.mqtt)):
            raise ValueError(f"mqtt: {reason}")
        if self.per_minute < 1 or self.attempts < 1 or self.timeout_seconds <= 0:
            raise ValueError("per_minute, attempts and timeout_seconds must be positive")


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Channels for the alerts of a severity. Every route that matches is used."""

    severity: Level | None = None
    """None for every severity."""
    tags: dict[str, str] = {}
    """Only devices that have these tags, for instance one plant."""
    channels: tuple[str, ...]


class AlertConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Content of `rules.yaml`."""

    rules: tuple[AnyRule, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    channels: dict[str, Channel] = {}
    routes: tuple[Route, ...] = ()

    def __post_init__(self) -> None:
        """Check names of rules and channels, and the message templates.

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
            rule.check_command()
            try:
                check_template(rule.message)
            except ValueError as error:
                raise ValueError(f"message of rule {rule.name!r}: {error}") from error


def fill_variables(url: str, variables: Mapping[str, str]) -> str:
    """Return the URL with each `${NAME}` replaced by its value from the environment.

    Raises:
        WrongUse: a variable is not set.
    """
    for name in _VARIABLE.findall(url):
        if name not in variables:
            raise WrongUse(f"rules.yaml: ${{{name}}} of a channel is not set", f"set {name} in the environment")
    return _VARIABLE.sub(lambda match: variables[match[1]], url)
