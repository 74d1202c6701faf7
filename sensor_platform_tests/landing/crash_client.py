"""Talks to `crash_server.py`, which runs one action on a home and stops it at a given step."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sensor_platform.home import Home
from sensor_platform_tests.landing.homes import HOUR, T0, files, tables

NOW = T0 + HOUR
HOW = [
    ("kill", 5),
    pytest.param("kill", 1, marks=pytest.mark.soak),
    pytest.param("refuse", 1, marks=pytest.mark.soak),
]
"""Ways to stop an action: killed, or refused the disk, and at every how many steps. Each stop takes about a second."""


@dataclass
class CrashServer:
    """A running server."""

    process: "subprocess.Popen[str]"

    def run(self, home: Home, action: str, fail_at: int = 0, how: str = "kill", now: int = NOW) -> dict[str, Any]:
        """Run an action, stopped before its step `fail_at` (0 for never); returns steps, signal and error."""
        request = {"home": str(home.root), "action": action, "fail_at": fail_at, "how": how, "now": now}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def crash_server() -> Iterator[CrashServer]:
    """Start the server, and end it afterwards."""
    script = Path(__file__).with_name("crash_server.py")
    root = script.parents[2]
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, runpy; sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[2], run_name='__main__')",
            str(root),
            str(script),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield CrashServer(process)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.wait(20)
    process.stdout.close()


def copy(home: Home, root: Path) -> Home:
    """A copy of a home."""
    shutil.copytree(home.root, root)
    return Home(root)


def write_history(folder: Path) -> None:
    """Two files that the action `import` takes; each has a row that is rejected."""
    for number in range(2):
        rows = "".join(f"d{n},2026-01-0{n + 1},{number}\n" for n in range(3))
        folder.joinpath(f"{number}.csv").write_text(f"device_id,ts,t\n{rows}d,never,1\n")


def says(home: Home) -> tuple[object, object]:
    """Content of the ledger, and of the files."""
    return tables(home), files(home)


@dataclass(frozen=True)
class Stops:
    """Stops an action at each of its steps, each time in another copy of a home."""

    server: CrashServer
    home: Home
    folder: Path
    action: str
    how: str = "kill"
    every: int = 1
    now: int = NOW

    def undisturbed(self) -> tuple[Home, int]:
        """A copy in which the action was carried out, and the number of its steps."""
        whole = copy(self.home, self.folder / "whole")
        answer = self.server.run(whole, self.action, now=self.now)
        assert answer["error"] is None
        return whole, answer["steps"]

    def each(self, steps: int) -> Iterator[tuple[int, Home, dict[str, Any]]]:
        """The number of each `every`-th step, the copy that was stopped there, and the answer of the server."""
        for step in range(1, steps + 1, self.every):
            broken = copy(self.home, self.folder / f"at-{step}")
            stopped = self.server.run(broken, self.action, step, self.how, self.now)
            assert stopped["signal"] == (9 if self.how == "kill" else 0)
            yield step, broken, stopped
            shutil.rmtree(broken.root)

    def again(self, broken: Home) -> None:
        """Carry the action out to its end."""
        assert self.server.run(broken, self.action, now=self.now)["error"] is None

    def end_as_undisturbed(self, least: int) -> Home:
        """Check that a stopped and repeated action says what an undisturbed one says; returns the undisturbed home.

        It has to have more steps than `least`.
        """
        whole, steps = self.undisturbed()
        assert steps > least
        expected = says(whole)
        for step, broken, _ in self.each(steps):
            self.again(broken)
            assert says(broken) == expected, f"stopped at step {step} of {steps}"
        return whole
