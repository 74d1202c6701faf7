"""Killed at any step, or refused the disk at any step, a withdrawal and a replacement end as undisturbed ones."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform_tests.landing.crash_client import CrashServer, copy, crash_server
from sensor_platform_tests.landing.homes import T0, files, tables

HOW = ["kill", pytest.param("refuse", marks=pytest.mark.soak)]


@pytest.fixture(scope="module")
def server() -> Iterator[CrashServer]:
    with crash_server() as server:
        yield server


def says(home: Home) -> tuple[object, object]:
    return tables(home), files(home)


@pytest.fixture
def imported(home: Home, tmp_path: Path, server: CrashServer) -> Home:
    for number in range(2):
        rows = "".join(f"d{n},2026-01-0{n + 1},{number}\n" for n in range(3))
        tmp_path.joinpath(f"{number}.csv").write_text(f"device_id,ts,t\n{rows}d,never,1\n")
    assert server.run(home, "import", now=T0)["error"] is None
    return home


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("action", ["withdraw", "replace"])
def test_stopped_at_any_step_it_ends_as_if_undisturbed(
    imported: Home, tmp_path: Path, server: CrashServer, how: str, action: str
) -> None:
    whole = copy(imported, tmp_path / "whole")
    undisturbed = server.run(whole, action)
    assert undisturbed["error"] is None
    assert undisturbed["steps"] > 20
    expected = says(whole)
    for step in range(1, undisturbed["steps"] + 1):
        root = tmp_path / f"at-{step}"
        broken = copy(imported, root)
        stopped = server.run(broken, action, step, how)
        assert stopped["signal"] == (9 if how == "kill" else 0)
        assert server.run(broken, action)["error"] is None
        assert says(broken) == expected, f"stopped at step {step} of {undisturbed['steps']}"
        shutil.rmtree(root)


def test_a_rebuilt_ledger_takes_in_what_a_kill_left(imported: Home, tmp_path: Path, server: CrashServer) -> None:
    steps = server.run(copy(imported, tmp_path / "whole"), "withdraw")["steps"]
    shown = set()
    for step in range(1, steps + 1):
        broken = copy(imported, tmp_path / f"at-{step}")
        server.run(broken, "withdraw", step)
        rebuild_ledger(broken)
        found = tables(broken)
        shown.add((len(found["imports"]), sum(row[0] == "landing" for row in kinds(broken))))
        shutil.rmtree(broken.root)
    assert shown == {(2, 1), (1, 1)}, "all of it or nothing"


def kinds(home: Home) -> list[tuple[str]]:
    from sensor_platform.landing.ledger import read_ledger

    with read_ledger(home) as ledger:
        assert ledger is not None
        return ledger.execute("select kind from files where replaced_at is null").fetchall()
