"""A rule that is edited or removed while its alarm stands leaves no alert that fires for ever."""

from pathlib import Path
from typing import Any

import pytest

from sensor_platform_tests.field.live.base import eventually, need
from sensor_platform_tests.field.live.processes import RunningLive, running_live
from sensor_platform_tests.live.receivers import Hook, hook

ACT = {"x-requested-with": "sensor-platform"}


def _rules(url: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"rules": [{**rule, "channels": ["hook"]} for rule in rules], "channels": {"hook": {"url": url}}}


def _hot(runbook: str = "old", name: str = "hot") -> dict[str, Any]:
    return {"name": name, "kind": "threshold", "metric": "t", "above": 10, "runbook": runbook}


def _alerts(live: RunningLive) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = live.get("/api/alerts")["alerts"]
    return found


def _acknowledge_first(live: RunningLive, receiver: Hook) -> str:
    live.post({"device_id": "m", "t": 50})
    need(eventually(lambda: len(_alerts(live)) == 1 and receiver.bodies, 10), "the alarm fires and is told")
    (alert,) = _alerts(live)
    code, _ = live.ask(f"/api/alerts/{alert['alert_id']}/acknowledge?by=anna", b"", ACT)
    need(code == 200, "the alarm is acknowledged")
    need(eventually(lambda: _alerts(live)[0]["state"] == "acknowledged", 10), "the acknowledgement is taken in")
    return str(alert["alert_id"])


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 6")
def test_live_06_another_runbook_neither_repeats_nor_forgets_the_alarm(tmp_path: Path) -> None:
    with hook() as receiver:
        with running_live(tmp_path, _rules(receiver.url, _hot("old"))) as live:
            first = _acknowledge_first(live, receiver)
        with running_live(tmp_path, _rules(receiver.url, _hot("new"))) as live:
            live.post({"device_id": "m", "t": 50})
            eventually(lambda: len(_alerts(live)) > 1, 1.5)
            shown = [(each["alert_id"], each["state"], each["acknowledged_by"]) for each in _alerts(live)]
            assert shown == [(first, "acknowledged", "anna")], "the alarm fires again, or its answer is lost"
            live.post({"device_id": "m", "t": 1})
            ended = eventually(lambda: [each["kind"] for each in receiver.bodies][-1] == "resolved", 10)
            assert ended, "nobody hears the end of the alarm"
            assert {each["state"] for each in _alerts(live)} == {"resolved"}


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 6")
def test_live_06_the_alarm_of_a_rule_that_was_removed_is_resolved_and_told(tmp_path: Path) -> None:
    with hook() as receiver:
        with running_live(tmp_path, _rules(receiver.url, _hot())) as live:
            _acknowledge_first(live, receiver)
        with running_live(tmp_path, _rules(receiver.url, _hot(name="other"))) as live:
            ended = eventually(lambda: {each["state"] for each in _alerts(live)} == {"resolved"}, 4)
            assert ended, "the alert of a rule that is gone stays for ever"
            told = eventually(lambda: [each["kind"] for each in receiver.bodies][-1] == "resolved", 5)
            assert told, "nobody hears that it is over"
