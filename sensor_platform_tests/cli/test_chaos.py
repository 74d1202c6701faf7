"""The trial as a command: what is tried, and what is said of the tally."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from sensor_platform.cli.chaos import chaos
from sensor_platform.demo import chaos as trial
from sensor_platform.demo.tally import DeviceTally, Tally
from sensor_platform.errors import ExitCode
from sensor_platform_tests.cli.running import Recorder, run

WHOLE = DeviceTally("dev1", admitted=10, again=1, late=2, landed=10, in_table=10, doubled=0, lost=())
LOST = replace(WHOLE, device_id="dev2", landed=8, in_table=8, lost=(3, 4))


def tally(*devices: DeviceTally) -> Tally:
    return Tally(devices, Counter(collector=2), garbage=3, received=24, fates=(20, 3, 1), difference=0)


def test_options_say_what_is_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    called = Recorder(tally(WHOLE))
    monkeypatch.setattr(trial, "run_trial", called)
    run(chaos, "--messages", "100", "--rate", "50", "--devices", "3", "--kills", "1", "--keep", str(tmp_path / "new"))
    ((asked, folder, _),) = called.calls
    assert (asked.devices.devices, asked.devices.rate, asked.devices.seconds, asked.kills) == (3, 50.0, 2.0, 1)
    assert folder == tmp_path / "new"


def test_nothing_lost_is_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "run_trial", Recorder(tally(WHOLE)))
    result = run(chaos)
    assert result.return_value == ExitCode.OK
    assert "killed: 2 x collector; garbage sent: 3" in result.stdout
    assert "received 24 = landed 20 + quarantined 3 + duplicate 1\n" in result.stdout
    assert result.stdout.endswith("nothing is missing, nothing doubled\n")


def test_what_is_lost_is_named_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "run_trial", Recorder(tally(WHOLE, LOST)))
    result = run(chaos)
    assert result.return_value == ExitCode.CHECK_FAILED
    assert "lost of dev2: 3, 4" in result.stdout
    found = json.loads(run(chaos, "--json").stdout)
    assert (found["holds"], found["missing"], found["devices"][1]["missing"]) == (False, 2, 2)
