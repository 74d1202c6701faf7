import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.warehouse.file.writer_lock import holder, writer_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLD = """
import sys, time
from pathlib import Path
from sensor_platform.home import Home
from sensor_platform.warehouse.file.writer_lock import writer_lock
with writer_lock(Home(Path(sys.argv[1])), "build 2026-01-01", wait_seconds=0):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(home: Home) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(home.root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_waiting_writer_is_told_who_holds_the_lock(home: Home, held: "subprocess.Popen[str]") -> None:
    started = time.monotonic()
    with pytest.raises(Unreachable) as error, writer_lock(home, "publish", wait_seconds=0.2):
        pass
    assert time.monotonic() - started >= 0.2
    assert f"process {held.pid} (build 2026-01-01) since 2" in error.value.message


def test_the_lock_of_a_killed_holder_is_free_at_once(home: Home, held: "subprocess.Popen[str]") -> None:
    found = holder(home)
    assert found is not None
    assert found.pid == held.pid
    os.kill(held.pid, signal.SIGKILL)
    held.wait()
    with writer_lock(home, "publish", wait_seconds=0):
        mine = holder(home)
        assert mine is not None
        assert mine.pid == os.getpid()
    assert holder(home) is None


def test_a_waiting_writer_gets_the_lock_when_it_is_given_up(home: Home, held: "subprocess.Popen[str]") -> None:
    held.terminate()
    with writer_lock(home, "publish", wait_seconds=60):
        pass


def test_two_in_one_process_exclude_each_other(home: Home) -> None:
    with writer_lock(home, "a", wait_seconds=0), pytest.raises(Unreachable), writer_lock(home, "b", wait_seconds=0):
        pass


def test_a_child_process_does_not_inherit_the_lock(home: Home) -> None:
    with writer_lock(home, "a", wait_seconds=0):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"], close_fds=False)
    try:
        with writer_lock(home, "b", wait_seconds=10):  # the child's descriptors are closed an instant after it starts
            pass
    finally:
        child.kill()
        child.wait()


def test_a_home_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(WrongUse) as error, writer_lock(Home(tmp_path / "home"), "a", wait_seconds=0):
        pass
    assert "\n" not in error.value.message
