"""A critical alarm does not wait behind warnings."""

from pathlib import Path

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import live_site
from sensor_platform_tests.field.live.webhooks import mentions, webhook


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 19")
def test_live_19_a_critical_alarm_is_sent_before_the_warnings_that_wait(tmp_path: Path) -> None:
    rule = {"name": "hot", "kind": "threshold", "metric": "t", "above": {"warning": 10, "critical": 80}}
    with webhook() as receiver:
        rules = {
            "rules": [{**rule, "channels": ["hook"]}],
            "channels": {"hook": {"url": receiver.url, "per_minute": 5}},
        }
        with live_site(tmp_path, rules) as site:
            site.receive(0, *({"device_id": f"warm-{number}", "t": 50} for number in range(20)))
            site.receive(0.5, {"device_id": "burning", "t": 99})
            need(len(site.firing) == 21, "twenty warnings and one critical alarm")
            site.send(2)
        need(receiver.bodies, "something is sent")
    assert any(mentions(body, "burning") for body in receiver.bodies), "it waits behind twenty warnings, five a minute"
