"""The live store forgets: resolved alarms, their events, dead letters, and messages of channels that are gone."""

from pathlib import Path
from typing import Any

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import live_site
from sensor_platform_tests.live.receivers import hook

YEAR = 366 * 86_400
HOT: dict[str, Any] = {"name": "hot", "kind": "threshold", "metric": "t", "above": 10}


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 22")
@pytest.mark.parametrize("table", ["events", "alerts"])
def test_live_22_an_alarm_that_was_over_a_year_ago_is_forgotten(tmp_path: Path, table: str) -> None:
    with live_site(tmp_path, {"rules": [HOT]}, keep_hours=1) as site:
        site.receive(0, {"device_id": "m", "t": 50})
        site.receive(1, {"device_id": "m", "t": 1})
        need(site.alerts()[0]["state"] == "resolved", "the alarm is over")
        for days in range(1, 4):
            site.wait(YEAR + days * 86_400)
        assert site.rows(f"select count(*) from {table}") == [(0,)]


def test_live_22_an_alarm_that_stands_is_kept_however_old(tmp_path: Path) -> None:
    with live_site(tmp_path, {"rules": [HOT]}, keep_hours=1) as site:
        site.receive(0, {"device_id": "m", "t": 50})
        for days in range(1, 4):
            site.wait(YEAR + days * 86_400)
        assert [each["state"] for each in site.alerts()] == ["firing"]


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 22")
def test_live_22_a_dead_letter_of_a_year_ago_is_forgotten(tmp_path: Path) -> None:
    with hook() as receiver:
        receiver.mood = "refuses"
        rules = {
            "rules": [{**HOT, "channels": ["hook"]}],
            "channels": {"hook": {"url": receiver.url, "attempts": 1}},
        }
        with live_site(tmp_path, rules, keep_hours=1) as site:
            site.receive(0, {"device_id": "m", "t": 50})
            site.send()
            need(site.rows("select state from outbox") == [("dead",)], "it is given up after one try")
            for days in range(1, 4):
                site.wait(YEAR + days * 86_400)
            assert site.rows("select count(*) from outbox") == [(0,)]


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 22")
def test_live_22_messages_of_a_channel_that_was_removed_are_forgotten(tmp_path: Path) -> None:
    rules = {"rules": [{**HOT, "channels": ["bus"]}], "channels": {"bus": {"mqtt": "alarms"}}}
    with live_site(tmp_path, rules, keep_hours=1) as site:
        site.link.is_connected = False
        site.receive(0, {"device_id": "m", "t": 50})
        need(site.rows("select channel from outbox") == [("bus",)], "a message waits for the channel")
    with live_site(tmp_path, {"rules": [HOT]}, keep_hours=1, at=YEAR, run=2) as site:
        for days in range(1, 4):
            site.wait(YEAR + days * 86_400)
        assert site.rows("select count(*) from outbox where channel = 'bus'") == [(0,)]
