"""A rules.yaml that cannot do what it looks like is refused, with the reason, before anything starts."""

from pathlib import Path
from typing import Any

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import refusal_of

HOT: dict[str, Any] = {"name": "hot", "kind": "threshold", "metric": "t", "above": 5}
USELESS: dict[str, dict[str, Any]] = {
    "a critical command of a rule that is never critical": {"command": {"topic": "stop/{device}", "payload": "1"}},
    "critical before warning, above": {"above": {"warning": 80, "critical": 50}},
    "critical before warning, below": {"above": None, "below": {"warning": 50, "critical": 80}},
    "a limit that is not a number": {"above": float("nan")},
    "a negative margin": {"clear_margin": -9},
    "a command to a topic with a wildcard": {"severity": "critical", "command": {"topic": "a/#", "payload": "1"}},
    "a number as wide as memory": {"message": "{value:>99999999}"},
    "reminders every millisecond": {"renotify": "1ms"},
}


@pytest.mark.parametrize("changes", USELESS.values(), ids=list(USELESS))
def test_live_29_a_useless_rule_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    need(not refusal_of(tmp_path, HOT), "the rule without the change is accepted")
    assert refusal_of(tmp_path, {**HOT, **changes}), f"accepted: {changes}"


def test_live_29_a_channel_to_a_topic_with_a_wildcard_is_refused(tmp_path: Path) -> None:
    need(not refusal_of(tmp_path, HOT, channels={"bus": {"mqtt": "alarms/{device}"}}), "a usual topic is accepted")
    assert refusal_of(tmp_path, HOT, channels={"bus": {"mqtt": "alarms/#"}})


def test_live_29_an_integer_of_400_digits_is_refused_with_a_reason(tmp_path: Path) -> None:
    condition = {"name": "high", "kind": "expression", "when": f"t > {10**399}"}
    try:
        refusal = refusal_of(tmp_path, condition)
    except OverflowError as error:
        raise AssertionError(f"it ends with a bare error: {error}") from error
    assert refusal
