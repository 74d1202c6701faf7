"""History of the rules, so that an alert that fired stays in the tables although its rule is changed later.

`live/rules.jsonl` has a line per change. The first process that finds other rules (a starting live process, a build of
the tables) adds one. The first line is in force from the beginning: readings older than the rules are replayed with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sensor_platform.alert.config import AlertConfig
from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.stream.rules import AnyRule, Maintenance, Rule


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    since: int
    rules: tuple[AnyRule, ...]
    maintenance: tuple[Maintenance, ...]


@dataclass(frozen=True, slots=True)
class Epoch:
    """Rules and the arrival time (microseconds) from which they are in force."""

    since: int
    config: AlertConfig


def read_epochs(home: Home) -> list[Epoch]:
    """Read all epochs, oldest first.

    Raises:
        Unreachable: the file is damaged.
    """
    path = _path(home)
    if not path.exists():
        return []
    try:
        lines = [msgspec.json.decode(line, type=_Line) for line in path.read_bytes().splitlines()]
    except (msgspec.DecodeError, ValueError) as error:
        raise Unreachable(
            f"{path} is damaged: {error}", "restore it, or remove it: history is then replayed with the rules of today"
        ) from error
    return [Epoch(line.since, _config(line.rules, line.maintenance)) for line in lines]


def record_rules(home: Home, config: AlertConfig, now: int) -> Sequence[Epoch]:
    """Add an epoch if the rules differ from those of the newest one; returns all epochs."""
    epochs = read_epochs(home)
    own = _config(config.rules, config.maintenance)
    if epochs and epochs[-1].config == own:
        return epochs
    if not epochs and not own.rules:
        return epochs
    since = max(now, epochs[-1].since + 1) if epochs else 0
    epochs.append(Epoch(since, own))
    lines = [
        msgspec.json.encode(_Line(since=each.since, rules=each.config.rules, maintenance=each.config.maintenance))
        for each in epochs
    ]
    path = _path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, b"\n".join(lines) + b"\n")
    return epochs


def rules_in_force(epochs: Sequence[Epoch], at: int) -> AlertConfig:
    """The rules in force at an arrival time, microseconds; those of the first epoch before it began."""
    return next((epoch.config for epoch in reversed(epochs) if epoch.since <= at), epochs[0].config)


def _config(rules: Sequence[Rule], maintenance: Sequence[Maintenance]) -> AlertConfig:
    """The configuration without channels and routes, which do not change alerts."""
    bare = tuple(msgspec.structs.replace(rule, channels=()) for rule in rules)
    return AlertConfig(rules=bare, maintenance=tuple(maintenance))


def _path(home: Home) -> Path:
    return home.live / "rules.jsonl"
