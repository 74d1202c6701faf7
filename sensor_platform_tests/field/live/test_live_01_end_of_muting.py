"""An alarm that goes on when flap suppression or maintenance ends is told to people."""

from pathlib import Path
from typing import Any

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import LiveSite, live_site
from sensor_platform_tests.live.receivers import Hook, hook

FLOW = {
    "name": "flow",
    "kind": "threshold",
    "metric": "flow",
    "above": {"warning": 10, "critical": 50},
    "flap": {"most": 2, "within": "60s"},
}
HOT = {"name": "hot", "kind": "threshold", "metric": "t", "above": 10, "severity": "critical"}


def _rules(url: str, rule: dict[str, Any], *maintenance: dict[str, str]) -> dict[str, Any]:
    return {
        "rules": [{**rule, "channels": ["hook"]}],
        "maintenance": list(maintenance),
        "channels": {"hook": {"url": url, "per_minute": 1000}},
    }


def _flap(site: LiveSite, firings: int) -> None:
    for number in range(firings):
        site.receive(number * 2, {"device_id": "f1", "flow": 20})
        site.receive(number * 2 + 1, {"device_id": "f1", "flow": 1})
        site.send()
    need(site.rows("select 1 from events where kind = 'fired'"), "the rule fires")


def _told(receiver: Hook) -> list[tuple[str, str, str]]:
    return [(body["alert_id"], body["kind"], body["level"]) for body in receiver.bodies]


def test_live_01_an_escalation_to_critical_is_told_although_the_warning_flaps(tmp_path: Path) -> None:
    with hook() as receiver, live_site(tmp_path, _rules(receiver.url, FLOW)) as site:
        _flap(site, 3)
        site.receive(6, {"device_id": "f1", "flow": 20})
        for at in range(7, 12):
            site.receive(at, {"device_id": "f1", "flow": 99})
            site.send()
        need(site.firing == ["flow"], "the alarm goes on")
        assert "critical" in [level for _, _, level in _told(receiver)], "nobody hears of a critical alarm"


def test_live_01_a_warning_that_goes_on_after_its_flapping_is_told(tmp_path: Path) -> None:
    with hook() as receiver, live_site(tmp_path, _rules(receiver.url, FLOW)) as site:
        _flap(site, 3)
        for at in range(6, 200, 10):
            site.receive(at, {"device_id": "f1", "flow": 20})
            site.send()
        need(site.firing == ["flow"], "the alarm goes on")
        standing = site.alerts()[0]["alert_id"]
        assert standing in [alert for alert, _, _ in _told(receiver)], "nobody hears of the alarm that goes on"


def test_live_01_the_end_is_told_only_of_alarms_that_were_told(tmp_path: Path) -> None:
    with hook() as receiver, live_site(tmp_path, _rules(receiver.url, FLOW)) as site:
        _flap(site, 5)
        site.wait(300)
        site.send()
        told = _told(receiver)
        begun = {alert for alert, kind, _ in told if kind != "resolved"}
        unheard = [alert for alert, kind, _ in told if kind == "resolved" and alert not in begun]
        assert not unheard, "resolved is told of alarms that nobody heard of"


def test_live_01_an_alarm_that_outlasts_a_maintenance_is_told_at_its_end(tmp_path: Path) -> None:
    outage = {"devices": "*", "start": "2026-03-01T12:00", "end": "2026-03-01T12:10"}
    with hook() as receiver, live_site(tmp_path, _rules(receiver.url, HOT, outage)) as site:
        for at in range(60, 600, 60):
            site.receive(at, {"device_id": "m1", "t": 50})
            site.send()
        need(not receiver.bodies, "maintenance keeps the alarm from people")
        for at in range(600, 1200, 60):
            site.receive(at, {"device_id": "m1", "t": 50})
            site.send()
        need(site.firing == ["hot"], "the alarm goes on")
        assert receiver.bodies, "nobody is told ten minutes after the end of the maintenance"


def test_live_01_an_alarm_that_was_told_before_a_maintenance_is_closed_at_the_receiver(tmp_path: Path) -> None:
    outage = {"devices": "*", "start": "2026-03-01T12:05", "end": "2026-03-01T12:10"}
    with hook() as receiver, live_site(tmp_path, _rules(receiver.url, HOT, outage)) as site:
        site.receive(60, {"device_id": "m1", "t": 50})
        site.send()
        need([kind for _, kind, _ in _told(receiver)] == ["fired"], "the alarm is told before the maintenance")
        for at in range(360, 900, 60):
            site.receive(at, {"device_id": "m1", "t": 1})
            site.send()
        need(not site.firing, "the alarm is over")
        assert [kind for _, kind, _ in _told(receiver)] == ["fired", "resolved"], "the receiver's alarm stays open"


def test_live_01_a_short_alarm_within_a_maintenance_is_told_to_nobody(tmp_path: Path) -> None:
    outage = {"devices": "*", "start": "2026-03-01T12:00", "end": "2026-03-01T12:10"}
    with hook() as receiver, live_site(tmp_path, _rules(receiver.url, HOT, outage)) as site:
        site.receive(60, {"device_id": "m1", "t": 50})
        for at in range(120, 900, 60):
            site.receive(at, {"device_id": "m1", "t": 1})
            site.send()
        need(site.rows("select 1 from events where kind = 'resolved'"), "the alarm fires and ends")
        assert not receiver.bodies
