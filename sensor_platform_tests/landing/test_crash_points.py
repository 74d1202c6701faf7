"""Killed at any step, or refused the disk at any step, landing ends where an undisturbed run ends."""

import shutil
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform_tests.landing.crash_client import CrashServer, copy
from sensor_platform_tests.landing.homes import (
    HOUR,
    T0,
    Message,
    files,
    land_all,
    mixed_messages,
    seal_segment,
    tables,
)

LATER = T0 + 4 * HOUR


def says(home: Home) -> tuple[object, object]:
    return tables(home), files(home)


HOW = ["kill", pytest.param("refuse", marks=pytest.mark.soak)]


@pytest.mark.parametrize("how", HOW)
def test_landing_stopped_at_any_step_ends_as_if_undisturbed(
    home: Home, tmp_path: Path, server: CrashServer, how: str
) -> None:
    seal_segment(home, 1, mixed_messages(1, 30))
    seal_segment(home, 2, mixed_messages(2, 30))
    whole = copy(home, tmp_path / "whole")
    undisturbed = server.run(whole, "land")
    assert undisturbed["error"] is None
    assert undisturbed["steps"] > 30
    expected = says(whole)
    for step in range(1, undisturbed["steps"] + 1):
        root = tmp_path / f"at-{step}"
        broken = copy(home, root)
        stopped = server.run(broken, "land", step, how)
        assert stopped["signal"] == (9 if how == "kill" else 0)
        # None where only the status file could not be written, which is no reason to stop
        assert stopped["error"] is None or "full" in stopped["error"] or "space" in stopped["error"]
        again = server.run(broken, "land")
        assert again["error"] is None
        assert says(broken) == expected, f"stopped at step {step} of {undisturbed['steps']}"
        shutil.rmtree(root)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("action", ["requeue", "import"])
def test_requeue_and_import_stopped_at_any_step_end_as_if_undisturbed(
    home: Home, tmp_path: Path, server: CrashServer, how: str, action: str
) -> None:
    if action == "requeue":
        seal_segment(home, 1, [Message(b'{"device_id": {}, "ts": %d}' % n) for n in range(3)] + mixed_messages(3, 20))
        land_all(home, [Contract(name="strict", topic="#", device=ValueSource(field=("nowhere",)))])
    for number in range(2):
        rows = "".join(f"d{n},2026-01-0{n + 1},{number}\n" for n in range(3))
        tmp_path.joinpath(f"{number}.csv").write_text(f"device_id,ts,t\n{rows}d,never,1\n")
    whole = copy(home, tmp_path / "whole")
    undisturbed = server.run(whole, action)
    assert undisturbed["error"] is None
    assert undisturbed["steps"] > 10
    expected = says(whole)
    for step in range(1, undisturbed["steps"] + 1):
        root = tmp_path / f"at-{step}"
        broken = copy(home, root)
        stopped = server.run(broken, action, step, how)
        assert stopped["signal"] == (9 if how == "kill" else 0)
        assert server.run(broken, action)["error"] is None
        assert says(broken) == expected, f"stopped at step {step} of {undisturbed['steps']}"
        shutil.rmtree(root)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("phase", ["compact", "delete"])
def test_upkeep_stopped_at_any_step_ends_as_if_undisturbed(
    home: Home, tmp_path: Path, server: CrashServer, how: str, phase: str
) -> None:
    for seq in range(1, 4):
        seal_segment(home, seq, mixed_messages(seq, 20), received_at=T0 + seq)
    land_all(home)
    now = LATER
    if phase == "delete":
        assert server.run(home, "upkeep", now=LATER)["error"] is None
        now = LATER + 2 * HOUR
    whole = copy(home, tmp_path / "whole")
    undisturbed = server.run(whole, "upkeep", now=now)
    assert undisturbed["steps"] > 5
    expected = says(whole)
    assert any("compact-" in name for name in files(whole))
    assert any("-0000000" in name and name.startswith("landing/") for name in files(whole)) == (phase == "compact")
    for step in range(1, undisturbed["steps"] + 1):
        root = tmp_path / f"at-{step}"
        broken = copy(home, root)
        server.run(broken, "upkeep", step, how, now)
        assert server.run(broken, "upkeep", now=now)["error"] is None
        assert says(broken) == expected, f"stopped at step {step} of {undisturbed['steps']}"
        shutil.rmtree(root)
