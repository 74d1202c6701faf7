"""What the doctor finds, shown and as an exit code."""

import json

import pytest

from sensor_platform.cli.doctor import doctor
from sensor_platform.doctor import Finding, broker, ok
from sensor_platform.errors import ExitCode
from sensor_platform.home import Home
from sensor_platform_tests.cli.running import Recorder, run


def checks(*words: str) -> list[tuple[str, str]]:
    """Check and status of each finding."""
    found = json.loads(run(doctor, "--json", *words).stdout)["findings"]
    return [(each["check"], each["status"]) for each in found]


def test_settings_that_are_wrong_end_the_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_BROKER_URL", "nonsense")
    result = run(doctor)
    assert result.return_value == ExitCode.WRONG_USE
    assert result.stdout.startswith("fail    settings")
    assert "hint: " in result.stdout
    assert checks() == [("settings", "fail")]


def test_settings_disk_and_broker_are_examined_in_turn(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Recorder([ok("login", "fine")])
    monkeypatch.setattr(broker, "check_broker", asked)
    found = checks("--messages", "7", "--topic", "here/")
    assert found[0] == ("settings", "ok")
    assert found[-1] == ("login", "ok")
    assert len(found) > 2
    assert (asked.calls[0][2].messages, asked.calls[0][2].topic) == (7, "here")
    assert str(home.root) in run(doctor).stdout


def test_a_check_that_failed_is_the_exit_code(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Finding("queue", "fail", "too short", "make it longer", ExitCode.CHECK_FAILED)
    monkeypatch.setattr(broker, "check_broker", Recorder([bad]))
    result = run(doctor)
    assert result.return_value == ExitCode.CHECK_FAILED
    assert result.stdout.splitlines()[-2:] == [f"{'fail':<8}{'queue':<20}too short", f"{'':<28}hint: make it longer"]
    assert home.root
