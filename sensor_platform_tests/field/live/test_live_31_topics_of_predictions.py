"""The name of a group does not change the topic that its predictions are published to."""

from pathlib import Path

import pytest

from sensor_platform_tests.field.live.rig import live_site


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 31")
def test_live_31_a_group_with_wildcards_in_its_name_is_one_level_of_the_topic(tmp_path: Path) -> None:
    played = {"store": lambda *_: None, "predict": lambda name, _inputs: {"model": name, "value": 1.0}}
    stream = {"what": "predictions", "mqtt": "predicted/{device}"}
    trigger = {"name": "wear", "required": ["t"]}
    with live_site(tmp_path, {}, replaced=played, republish=[stream], triggers=[trigger]) as site:
        site.receive(0, {"device_id": "a/+#", "t": 1}, topic="sensors/x")
        site.send(2)
        assert site.link.topics == ["predicted/a___"]
