"""Killed at any step, or refused the disk at any step, forgetting ends as if undisturbed, also by a rebuilt ledger."""

import shutil
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform_tests.landing.crash_client import NOW, CrashServer, copy
from sensor_platform_tests.landing.forgets import readings
from sensor_platform_tests.landing.homes import HOUR, files, land_all, mixed_messages, seal_segment, tables

HOW = ["kill", pytest.param("refuse", marks=pytest.mark.soak)]
LATER = NOW + HOUR


@pytest.fixture
def filled(home: Home, server: CrashServer) -> Home:
    for number in range(1, 4):
        seal_segment(home, number, mixed_messages(number, 25))
        land_all(home, now=NOW - HOUR)
    assert server.run(home, "upkeep")["error"] is None
    seal_segment(home, 4, mixed_messages(4, 25))
    land_all(home, now=NOW)
    return home


@pytest.mark.parametrize("how", HOW)
def test_stopped_at_any_step_it_ends_as_if_undisturbed(
    filled: Home, tmp_path: Path, server: CrashServer, how: str
) -> None:
    whole = copy(filled, tmp_path / "whole")
    undisturbed = server.run(whole, "forget", now=LATER)
    assert undisturbed["error"] is None
    assert undisturbed["steps"] > 50
    expected = tables(whole), files(whole)
    assert "d1" not in set(readings(whole)["device_id"])
    for step in range(1, undisturbed["steps"] + 1):
        root = tmp_path / f"at-{step}"
        broken = copy(filled, root)
        stopped = server.run(broken, "forget", step, how, now=LATER)
        assert stopped["signal"] == (9 if how == "kill" else 0)
        if step % 5 == 0:  # a ledger that is rebuilt in between takes in what is there
            rebuild_ledger(broken)
            assert audit(broken).difference == 0
            assert server.run(broken, "forget", now=LATER)["error"] is None
            assert "d1" not in set(readings(broken)["device_id"])
            assert sums(broken) == sums(whole)
        else:
            assert server.run(broken, "forget", now=LATER)["error"] is None
            assert set(files(broken)) == set(expected[1]), f"stopped at step {step} of {undisturbed['steps']}"
            assert (tables(broken), files(broken)) == expected, f"stopped at step {step} of {undisturbed['steps']}"
        shutil.rmtree(root)


def sums(home: Home) -> list[tuple[int, ...]]:
    return [
        (hour.hour, hour.received, hour.landed, hour.quarantined, hour.duplicate, hour.forgotten)
        for hour in audit(home).hours
    ]
