"""Commands in processes of their own, whose clock libfaketime has moved."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, SECOND
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment

pytestmark = pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
JUMPS = ("-1 day", "+1 hour", "+10 days", "+1095 days")
_COMMAND = "import sys; from sensor_platform.cli.main import main; sys.exit(main())"


def command(home: Home, jump: str, *arguments: str) -> Any:
    """The JSON that a command prints whose clock is wrong by `jump`."""
    environ = os.environ | {"SENSOR_PLATFORM_HOME": str(home.root)}
    words = ["faketime", "-f", jump, sys.executable, "-c", _COMMAND, *arguments, "--json"]
    done = subprocess.run(words, env=environ, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def send(home: Home, number: int, at: int) -> None:
    seal_segment(home, number, [Message(b'{"id":"d","ts":%d,"t":1}' % (at // SECOND))], received_at=at)
    land_all(home, now=at + SECOND)


def offset(jump: str) -> str:
    """As `faketime -f` reads it: +10d."""
    number, unit = jump.split()
    return number + unit[0]


def files(home: Home) -> list[str]:
    return sorted(str(path) for folder in (home.landing, home.raw) for path in folder.glob("*/*"))


@pytest.mark.parametrize("jump", JUMPS)
def test_retention_by_a_wrong_clock_deletes_and_freezes_nothing(tmp_path: Path, jump: str) -> None:
    home, now = Home(tmp_path / "home"), time.time_ns() // 1000
    for number in range(3):
        send(home, number + 1, now - (2 - number) * DAY - 60 * SECOND)
    before = files(home)
    command(home, offset(jump), "retention", "--apply")
    assert files(home) == before
    found = command(home, "+0", "status")["retention"]
    assert (found["landing_floor"], found["late_frozen"], found["waiting"]) == (None, 0, [])


@pytest.mark.parametrize("jump", JUMPS)
def test_a_segment_by_a_wrong_clock_makes_no_dead_site_fresh(tmp_path: Path, jump: str) -> None:
    home, now = Home(tmp_path / "home"), time.time_ns() // 1000
    send(home, 1, now - DAY // 2)
    days = {"-1 day": -1.0, "+1 hour": 1 / 24, "+10 days": 10.0, "+1095 days": 1095.0}[jump]
    send(home, 2, now - DAY // 2 + int(days * DAY))
    assert command(home, "+0", "status")["layers"]["landing"]["verdict"] == "stale"
