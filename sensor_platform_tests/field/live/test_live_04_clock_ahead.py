"""One reading with a clock that is ahead does not keep the readings after it from rules and triggers."""

from pathlib import Path

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import live_site

HOT = {"name": "hot", "kind": "threshold", "metric": "t", "above": 100, "severity": "critical"}
AHEAD = 3000
"""Seconds; less than landing.max_future_seconds."""


def test_live_04_a_rule_sees_the_readings_after_one_with_a_clock_ahead(tmp_path: Path) -> None:
    with live_site(tmp_path, {"rules": [HOT]}) as site:
        site.receive(0, {"device_id": "boiler", "t": 20})
        site.receive(1, {"device_id": "boiler", "t": 20, "ts": AHEAD})
        for at in range(10, 600, 30):
            site.receive(at, {"device_id": "boiler", "t": 500})
        assert site.firing == ["hot"], "500 degrees for ten minutes, and no alarm"


def test_live_04_a_trigger_asks_for_predictions_after_a_reading_with_a_clock_ahead(tmp_path: Path) -> None:
    trigger = {"name": "wear", "required": ["t"], "every": "1m"}
    with live_site(tmp_path, {}, triggers=[trigger]) as site:
        asked = "select count(*) from outbox where channel = '(predict wear)'"
        site.receive(0, {"device_id": "boiler", "t": 20})
        site.receive(1, {"device_id": "boiler", "t": 20, "ts": AHEAD})
        before = site.rows(asked)[0][0]
        need(before >= 1, "the trigger asks for a prediction")
        for at in range(60, 600, 60):
            site.receive(at, {"device_id": "boiler", "t": 20})
        assert site.rows(asked)[0][0] > before, "no prediction is asked for until the clock has caught up"
