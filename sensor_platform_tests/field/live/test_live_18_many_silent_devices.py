"""What a look at the time costs does not grow with the devices that have been silent for long."""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from sensor_platform_tests.field.live.base import need
from sensor_platform_tests.field.live.rig import live_site

RULES = {"rules": [{"name": "silent", "kind": "no_data", "after": "10s"}]}


def _calls_of_a_look(folder: Path, devices: int) -> int:
    """Python's and C's calls in one step without news, with so many devices in alarm."""
    folder.mkdir()
    calls = 0

    def count(_frame: FrameType, what: str, _argument: Any) -> None:
        nonlocal calls
        calls += what in {"call", "c_call"}

    with live_site(folder, RULES) as site:
        site.receive(0, *({"device_id": f"d{number}", "v": 1} for number in range(devices)))
        site.wait(30)
        need(len(site.firing) == devices, "each device is in alarm")
        site.wait(31)
        sys.setprofile(count)
        try:
            site.wait(32)
        finally:
            sys.setprofile(None)
    return calls


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="live 18")
def test_live_18_a_look_at_four_times_the_silent_devices_does_not_cost_more(tmp_path: Path) -> None:
    few, many = _calls_of_a_look(tmp_path / "few", 250), _calls_of_a_look(tmp_path / "many", 1000)
    assert many < few * 1.5, "each look walks every device that is silent"
