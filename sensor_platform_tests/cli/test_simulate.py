"""Made-up devices as a command."""

import json
from collections import Counter

import pytest

from sensor_platform.cli.simulate import simulate
from sensor_platform.devices import publisher
from sensor_platform.errors import ExitCode
from sensor_platform_tests.cli.publishing import Published
from sensor_platform_tests.cli.running import run

pytestmark = pytest.mark.usefixtures("home")
ASKED = ("--devices", "3", "--rate", "3000", "--seconds", "0.01", "--first-seq", "7")


def test_every_device_counts_from_the_first_number(monkeypatch: pytest.MonkeyPatch) -> None:
    published = Published()
    monkeypatch.setattr(publisher, "Publisher", published)
    result = run(simulate, *ASKED, "--topic", "plant/{device}", "--qos", "2")
    said = json.loads(result.stdout)
    assert (said["sent"], said["acknowledged"], published.options.qos) == (30, 30, 2)
    bodies = [json.loads(payload) for _, payload in published.messages]
    assert Counter(body["device_id"] for body in bodies) == dict.fromkeys({body["device_id"] for body in bodies}, 10)
    assert sorted({body["seq"] for body in bodies}) == list(range(7, 17))
    assert {topic for topic, _ in published.messages} == {f"plant/{body['device_id']}" for body in bodies}
    assert result.return_value == ExitCode.OK


def test_the_same_seed_gives_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    def values(seed: str) -> list[object]:
        published = Published()
        monkeypatch.setattr(publisher, "Publisher", published)
        run(simulate, *ASKED, "--seed", seed)
        return [json.loads(payload)["temperature"] for _, payload in published.messages]

    assert values("1") == values("1") != values("2")


def test_what_is_done_to_messages_on_purpose_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    published = Published()
    monkeypatch.setattr(publisher, "Publisher", published)
    said = json.loads(run(simulate, *ASKED, "--twice", "1").stdout)
    assert said["sent"] == 60
    assert 30 in {value for name, value in said.items() if name not in {"sent", "acknowledged", "seconds"}}


def test_a_message_that_was_not_acknowledged_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "Publisher", Published(unacknowledged=1))
    assert run(simulate, *ASKED).return_value == ExitCode.CHECK_FAILED
