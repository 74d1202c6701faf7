"""A receiver neither holds its channel for as long as it likes, nor sends a notification elsewhere."""

from pathlib import Path
from typing import Any

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import live_site
from sensor_platform_tests.field.live.webhooks import DRIPS, webhook


def _rules(url: str) -> dict[str, Any]:
    rule = {"name": "hot", "kind": "threshold", "metric": "t", "above": 10, "channels": ["hook"]}
    return {"rules": [rule], "channels": {"hook": {"url": url, "timeout_seconds": 0.5}}}


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 20")
def test_live_20_a_receiver_that_drips_its_answer_is_given_up(tmp_path: Path) -> None:
    with webhook() as receiver, live_site(tmp_path, _rules(receiver.url)) as site:
        receiver.mood = "drips"
        site.receive(0, {"device_id": "m", "t": 50})
        site.send()
        need(receiver.bodies, "the receiver takes the notification")
        assert receiver.dripped < DRIPS // 2, "it waited for every byte of an answer that takes five times as long"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 20")
def test_live_20_a_notification_is_not_sent_on_to_another_place(tmp_path: Path) -> None:
    with webhook() as receiver, webhook() as other, live_site(tmp_path, _rules(receiver.url)) as site:
        receiver.mood, receiver.target = "redirects", other.target
        site.receive(0, {"device_id": "m", "t": 50})
        site.send()
        need(receiver.bodies, "the receiver is asked")
        assert not other.bodies, "the body, answer link included, went where the receiver said"
