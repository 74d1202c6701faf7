"""Makes an aged home: the landing tier as it was written, tables and published files by the platform's own commands."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.kernel.clock import HOUR
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform_tests.age.history import write_history
from sensor_platform_tests.age.newest_hour import land_hour
from sensor_platform_tests.age.plan import SLOT_MINUTES, AgePlan

_COMMAND = (sys.executable, "-c", "from sensor_platform.cli.main import main; main()")


def make_home(root: Path, plan: AgePlan, say: Callable[[str], None]) -> Home:
    """Write the history of a plan, then build, publish and retain it."""
    home = Home(root)
    write_history(home, plan, say)
    say("landing: the newest hour")
    land_hour(home, plan, plan.end - HOUR)
    keep_house(home, SLOT_MINUTES, plan.raw_days, plan.end)
    for arguments in (["rebuild"], ["retention", "--apply", "--yes"], ["publish"]):
        say(" ".join(arguments))
        run(home, arguments)
    keep_house(home, SLOT_MINUTES, plan.raw_days, plan.end)
    return home


def run(home: Home, arguments: Sequence[str]) -> str:
    """Run a command of the platform on a home; returns what it prints."""
    return subprocess.run(
        [*_COMMAND, *arguments], env=environment(home), check=True, capture_output=True, text=True
    ).stdout


def start(home: Home, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a command that runs until it is stopped."""
    return subprocess.Popen([*_COMMAND, *arguments], env=environment(home), stdout=subprocess.DEVNULL)


def environment(home: Home) -> dict[str, str]:
    """Of a process of the platform on this home, without a site folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SENSOR_PLATFORM_")}
    return kept | {"SENSOR_PLATFORM_HOME": str(home.root)}
