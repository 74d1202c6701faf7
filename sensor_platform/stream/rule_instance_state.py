"""A rule instance as it stands in a snapshot. Rules are found again by their definition."""

from dataclasses import asdict
from typing import Any

import msgspec

from sensor_platform.stream.alert_state import AlertState
from sensor_platform.stream.observations import ConditionRule, CountRule, StuckRule
from sensor_platform.stream.rule_instance import RuleInstance
from sensor_platform.stream.rules import Rule


def definition(rule: Rule) -> str:
    """What makes a rule the same rule: all of it."""
    return msgspec.json.encode(rule).decode()


def dumped(instance: RuleInstance) -> dict[str, Any]:
    """Its alarms, and what its kind remembers."""
    extra: dict[str, Any] = {}
    if isinstance(instance.kind, CountRule):
        counts = [[series, list(windows.items())] for series, windows in instance.kind.counts.items()]
        extra = {"counts": counts, "until": instance.kind.until.dump()}
    elif isinstance(instance.kind, StuckRule):
        extra = {"since": instance.kind.since.dump()}
    elif isinstance(instance.kind, ConditionRule):
        extra = {"last": {name: last.dump() for name, last in instance.kind.last.items()}}
    elif instance.silence is not None:
        extra = {"silence": instance.silence.dump()}
    alarms = [[key, asdict(alarm) | {"since": list(alarm.since.items())}] for key, alarm in instance.alerts.items()]
    return {"rule": definition(instance.rule), "alarms": alarms, **extra}


def load(instance: RuleInstance, saved: dict[str, Any]) -> None:
    """Take over what `dumped` gave."""
    instance.matches.grow(max([0, *(key + 1 for key, _ in saved["alarms"])]))
    for key, state in saved["alarms"]:
        since = {level: (at, received) for level, (at, received) in state.pop("since")}
        clear = state.pop("clear_since")
        instance.alerts[key] = AlertState(**state, since=since, clear_since=tuple(clear) if clear else None)
        instance.matches["is_active"][key] = True
    if isinstance(instance.kind, CountRule):
        instance.kind.counts = {series: dict(windows) for series, windows in saved["counts"]}
        instance.kind.until.load(saved["until"])
    elif isinstance(instance.kind, StuckRule):
        instance.kind.since.load(saved["since"])
    elif isinstance(instance.kind, ConditionRule):
        for name, last in saved["last"].items():
            instance.kind.last[name].load(last)
    elif instance.silence is not None:
        instance.silence.load(saved["silence"])
