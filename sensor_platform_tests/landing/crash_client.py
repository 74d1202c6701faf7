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

from sensor_platform.home import Home
from sensor_platform_tests.landing.homes import HOUR, T0

NOW = T0 + HOUR


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
