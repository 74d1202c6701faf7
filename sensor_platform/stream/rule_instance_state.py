"""A watch as it stands in a snapshot. Rules are found again by their definition."""

from dataclasses import asdict
from typing import Any

import msgspec

from sensor_platform.stream.alert_state import Alarm
from sensor_platform.stream.observations import ConditionRule, CountRule, StuckRule
from sensor_platform.stream.rule_instance import Watch
from sensor_platform.stream.rules import Rule


def definition(rule: Rule) -> str:
    """What makes a rule the same rule: all of it."""
    return msgspec.json.encode(rule).decode()


def dumped(watch: Watch) -> dict[str, Any]:
    """Its alarms, and what its kind remembers."""
    extra: dict[str, Any] = {}
    if isinstance(watch.kind, CountRule):
        counts = [[series, list(windows.items())] for series, windows in watch.kind.counts.items()]
        extra = {"counts": counts, "until": watch.kind.until.dump()}
    elif isinstance(watch.kind, StuckRule):
        extra = {"since": watch.kind.since.dump()}
    elif isinstance(watch.kind, ConditionRule):
        extra = {"last": {name: last.dump() for name, last in watch.kind.last.items()}}
    elif watch.silence is not None:
        extra = {"silence": watch.silence.dump()}
    alarms = [[key, asdict(alarm) | {"since": list(alarm.since.items())}] for key, alarm in watch.alarms.items()]
    return {"rule": definition(watch.rule), "alarms": alarms, **extra}


def load(watch: Watch, saved: dict[str, Any]) -> None:
    """Take over what `dumped` gave."""
    watch.matches.grow(max([0, *(key + 1 for key, _ in saved["alarms"])]))
    for key, state in saved["alarms"]:
        since = {level: (at, received) for level, (at, received) in state.pop("since")}
        clear = state.pop("clear_since")
        watch.alarms[key] = Alarm(**state, since=since, clear_since=tuple(clear) if clear else None)
        watch.matches["is_active"][key] = True
    if isinstance(watch.kind, CountRule):
        watch.kind.counts = {series: dict(windows) for series, windows in saved["counts"]}
        watch.kind.until.load(saved["until"])
    elif isinstance(watch.kind, StuckRule):
        watch.kind.since.load(saved["since"])
    elif isinstance(watch.kind, ConditionRule):
        for name, last in saved["last"].items():
            watch.kind.last[name].load(last)
    elif watch.silence is not None:
        watch.silence.load(saved["silence"])
