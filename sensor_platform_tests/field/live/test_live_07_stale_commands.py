"""Commands and notices over MQTT go out when the broker is back, and no command goes out when its alarm is over."""

from pathlib import Path
from typing import Any

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import LiveSite, live_site

HOT: dict[str, Any] = {"name": "hot", "kind": "threshold", "metric": "t", "above": 10, "severity": "critical"}
STOP = {"rules": [{**HOT, "command": {"topic": "stop/{device}", "payload": "1"}}]}
TELL = {"rules": [{**HOT, "channels": ["bus"]}], "channels": {"bus": {"mqtt": "alarms/{device}"}}}


def _away(site: LiveSite, minutes: int) -> None:
    """The broker is away for so long; the alarm begins with it."""
    site.link.is_connected = False
    site.receive(site.seconds, {"device_id": "pump", "t": 50})
    need(site.rows("select count(*) from outbox")[0][0] == 1, "the alarm puts out one message")
    site.send(site.seconds + minutes * 60, every=2)
    need(not site.link.published, "nothing is sent while the broker is away")
    site.link.is_connected = True


@pytest.mark.parametrize(("rules", "topic"), [(STOP, "stop/pump"), (TELL, "alarms/pump")], ids=["command", "notice"])
def test_live_07_what_is_still_true_is_sent_as_soon_as_the_broker_is_back(
    tmp_path: Path, rules: dict[str, Any], topic: str
) -> None:
    with live_site(tmp_path, rules) as site:
        _away(site, 20)
        need(site.firing == ["hot"], "the alarm still stands")
        site.send(site.seconds + 30)
        assert site.link.topics == [topic], "it still waits half a minute after the broker is back"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 7")
def test_live_07_a_command_is_not_sent_when_its_alarm_is_over(tmp_path: Path) -> None:
    with live_site(tmp_path, STOP) as site:
        site.link.is_connected = False
        site.receive(0, {"device_id": "pump", "t": 50})
        need(site.firing == ["hot"], "the alarm stands")
        site.send()
        site.receive(1, {"device_id": "pump", "t": 1})
        need(not site.firing, "the alarm is over after a second")
        site.send(120)
        site.link.is_connected = True
        site.send(1200, every=2)
        assert not site.link.published, "the machine is stopped for an alarm that has been over for two minutes"
