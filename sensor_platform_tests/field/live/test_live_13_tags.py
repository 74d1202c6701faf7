"""A rule about a tag follows the tag: when it comes, and when it goes. A restart makes no difference."""

from pathlib import Path
from typing import Any

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import live_site

CONTRACT = {"name": "a", "topic": "sensors/#", "tags": {"plant": {"field": ["plant"]}}}
RULES: dict[str, Any] = {
    "rules": [{"name": "north", "kind": "threshold", "metric": "p", "above": 10, "tags": {"plant": "north"}}]
}


@pytest.mark.parametrize("first", [{}, {"plant": "south"}], ids=["no tag at first", "another plant at first"])
def test_live_13_a_rule_sees_a_device_that_gets_its_tag_later(tmp_path: Path, first: dict[str, str]) -> None:
    with live_site(tmp_path, RULES, contract=CONTRACT) as site:
        site.receive(0, {"device_id": "pump", "p": 5, **first})
        for at in range(1, 10):
            site.receive(at, {"device_id": "pump", "p": 99, "plant": "north"})
        assert site.firing == ["north"], "the rule never sees the device"


def test_live_13_a_rule_sees_a_device_that_has_its_tag_from_the_beginning(tmp_path: Path) -> None:
    with live_site(tmp_path, RULES, contract=CONTRACT) as site:
        site.receive(0, {"device_id": "pump", "p": 99, "plant": "north"})
        site.receive(1, {"device_id": "other", "p": 99, "plant": "south"})
        assert [alarm.device_id for alarm in site.loop.engine.rule_set.active()] == ["pump"]


def test_live_13_an_alarm_of_a_device_that_moves_to_another_plant_is_over(tmp_path: Path) -> None:
    with live_site(tmp_path, RULES, contract=CONTRACT) as site:
        site.receive(0, {"device_id": "pump", "p": 99, "plant": "north"})
        need(site.firing == ["north"], "the rule fires")
        for at in range(1, 10):
            site.receive(at, {"device_id": "pump", "p": 99, "plant": "south"})
        assert not site.firing, "an alarm of the north about a device in the south"
