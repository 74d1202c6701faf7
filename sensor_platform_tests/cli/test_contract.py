"""Trying contracts as a command."""

import json
from pathlib import Path

import pytest
import yaml

from sensor_platform.cli.contract import contract
from sensor_platform.errors import CheckFailed, WrongUse
from sensor_platform.home import Home
from sensor_platform_tests.cli.running import run, said
from sensor_platform_tests.landing.homes import T0, Message, land_all, seal_segment

LONG = "500w"
CONTRACT = "name: press\ntopic: press/+\ndevice: {topic_level: 1}\nignore: [h]\n"


@pytest.fixture
def landed(home: Home) -> Home:
    """Messages of two presses; one changes what it sends."""
    bodies = [b'{"ts":%d,"t":%d,"h":1}' % (T0 // 10**6 + number, number) for number in range(6)]
    bodies.append(b'{"ts":%d,"t":"warm","h":1}' % (T0 // 10**6 + 7))
    seal_segment(home, 1, [Message(body, f"press/p{number % 2}") for number, body in enumerate(bodies)])
    land_all(home)
    return home


@pytest.mark.usefixtures("landed")
def test_a_contract_is_proposed_from_traffic() -> None:
    result = run(contract, "infer", "--topic", "press/+", "--last", LONG)
    proposed = yaml.safe_load(result.stdout)
    assert (proposed["name"], proposed["topic"]) == ("press", "press/+")
    assert "from 7 messages; " in result.stderr


@pytest.mark.usefixtures("landed")
def test_no_traffic_and_no_topic_filter_are_refused() -> None:
    with pytest.raises(CheckFailed, match="no messages"):
        said(contract, "infer", "--topic", "pump/+", "--last", LONG)
    with pytest.raises(WrongUse):
        said(contract, "infer", "--topic", "press/#/x", "--last", LONG)


@pytest.mark.usefixtures("landed")
def test_what_a_changed_contract_would_do_is_said(tmp_path: Path) -> None:
    file = tmp_path / "press.yaml"
    file.write_text(CONTRACT)
    found = json.loads(said(contract, "test", str(file), "--last", LONG, "--json"))
    assert (found["messages"], found["lost_metrics"], found["is_same"]) == (7, ["h"], False)
    shown = said(contract, "test", str(file), "--last", LONG)
    assert "lost metrics: h" in shown
    assert "7 messages that the change can touch" in shown


@pytest.mark.usefixtures("landed")
def test_changes_of_devices_are_listed() -> None:
    (row,) = json.loads(said(contract, "drift", "--last", LONG, "--json"))
    assert (row["device_id"], row["metric"]) == ("p0", "t")
    assert json.loads(said(contract, "drift", "--last", "1s", "--json")) == []
