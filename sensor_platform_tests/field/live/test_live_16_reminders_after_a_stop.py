"""After a stop of the live process one reminder is sent, not every one that was due meanwhile."""

from pathlib import Path

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import live_site
from sensor_platform_tests.live.receivers import hook

DAY = 86_400


def test_live_16_two_days_without_the_process_are_one_reminder(tmp_path: Path) -> None:
    rule = {"name": "hot", "kind": "threshold", "metric": "t", "above": 10, "renotify": "1h", "channels": ["hook"]}
    with hook() as receiver:
        rules = {"rules": [rule], "channels": {"hook": {"url": receiver.url, "per_minute": 10_000}}}
        with live_site(tmp_path, rules) as site:
            site.receive(0, {"device_id": "m", "t": 50})
            site.send()
        need([body["kind"] for body in receiver.bodies] == ["fired"], "the alarm is told")
        with live_site(tmp_path, rules, at=2 * DAY, run=2) as site:
            site.wait(2 * DAY)
            site.send(2 * DAY + 10)
        reminders = [body for body in receiver.bodies if body["kind"] == "reminder"]
    assert len(reminders) <= 1, "every reminder of two days is sent at once"
