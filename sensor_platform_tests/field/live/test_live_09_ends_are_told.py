"""A channel that was told of an alarm is told how it ends, whatever level the alarm has reached meanwhile."""

from pathlib import Path
from typing import Any

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import live_site

RULES: dict[str, Any] = {
    "rules": [{"name": "hot", "kind": "threshold", "metric": "t", "above": {"warning": 50, "critical": 80}}],
    "channels": {"chat": {"mqtt": "chat"}, "pager": {"mqtt": "pager"}},
    "routes": [
        {"severity": "critical", "channels": ["pager"]},
        {"severity": "warning", "channels": ["chat"]},
    ],
}


def test_live_09_the_channel_of_warnings_hears_the_end_of_an_alarm_that_became_critical(tmp_path: Path) -> None:
    with live_site(tmp_path, RULES) as site:
        for at, value in enumerate((60, 90, 1)):
            site.receive(at, {"device_id": "m", "t": value})
            site.send()
        kinds = [kind for (kind,) in site.rows("select kind from events order by noticed_at")]
        need(kinds == ["fired", "escalated", "resolved"], "warning, then critical, then over")
        told = [(topic, b'"resolved"' in payload) for topic, payload in site.link.published]
    need(("pager", True) in told, "the channel of critical alarms hears the end")
    assert ("chat", True) in told, "the chat was told of the warning, and never hears that it is over"
