"""What waits in the outbox is not overtaken by what came later of the same alarm or stream."""

import json
from pathlib import Path

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import live_site
from sensor_platform_tests.live.receivers import hook


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 8")
def test_live_08_resolved_is_told_after_fired_although_the_first_try_failed(tmp_path: Path) -> None:
    rule = {"name": "hot", "kind": "threshold", "metric": "t", "above": 10, "channels": ["hook"]}
    with hook() as receiver:
        rules = {"rules": [rule], "channels": {"hook": {"url": receiver.url}}}
        with live_site(tmp_path, rules) as site:
            receiver.mood = "refuses"
            site.receive(0, {"device_id": "m", "t": 50})
            site.send()
            need(receiver.tries == 1, "the receiver refuses the first try")
            receiver.mood = "well"
            site.receive(1, {"device_id": "m", "t": 1})
            site.send(20)
    assert [body["kind"] for body in receiver.bodies] == ["fired", "resolved"]


def test_live_08_a_stream_to_the_uplink_is_in_order_after_a_break(tmp_path: Path) -> None:
    stream = {"what": "readings", "mqtt": "up/{device}", "to": "uplink"}
    with live_site(tmp_path, {}, republish=[stream]) as site:
        site.link.breaks_while_sending = True
        for number in range(1, 8):
            site.receive(number, {"device_id": "m", "t": number})
            site.send()
        need(not site.link.published and not site.link.is_connected, "the link breaks while the first is on its way")
        site.link.breaks_while_sending, site.link.is_connected = False, True
        site.send(60)
    values = [json.loads(payload)["value"] for _, payload in site.link.published]
    assert values == [1, 2, 3, 4, 5, 6, 7], "with retain the last of these is what stays at the broker"
