import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor_platform.collect.child_process import ChildCommand, ChildProcess
from sensor_platform.errors import Unreachable


def python(folder: Path, code: str) -> ChildCommand:
    return ChildCommand("the child", [sys.executable, "-c", code], folder / "logs" / "child.log")


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_output_goes_to_the_log_and_its_end_can_be_read(tmp_path: Path) -> None:
    code = "import sys\nfor n in range(50): print(n)\nprint('last words', file=sys.stderr)"
    with ChildProcess(python(tmp_path, code)) as child:
        wait_for(lambda: not child.is_running)
        assert child.tail(3).splitlines() == ["48", "49", "last words"]


def test_a_child_that_died_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    with ChildProcess(python(tmp_path, "raise SystemExit('the port is taken')")) as child:
        wait_for(lambda: not child.is_running)
        with pytest.raises(Unreachable, match="the child ended with code 1") as caught:
            child.require_running()
    assert "the port is taken" in caught.value.message
    assert "child.log" in caught.value.hint


def test_a_program_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="cannot start ghost"):
        ChildProcess(ChildCommand("ghost", ["/nowhere/ghost"], tmp_path / "ghost.log"))


def test_leaving_the_context_ends_it_and_it_may_clean_up(tmp_path: Path) -> None:
    code = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit()))\n"
    code += "print('up', flush=True)\ntime.sleep(60)"
    with ChildProcess(python(tmp_path, code)) as child:
        wait_for(lambda: "up" in child.tail())
    assert not is_alive(child.pid)
    assert child.tail().splitlines()[-1] == "bye"


def test_one_that_ignores_sigterm_is_killed_after_the_patience(tmp_path: Path) -> None:
    code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)"
    child = ChildProcess(python(tmp_path, code))
    wait_for(lambda: "up" in child.tail())
    begin = time.monotonic()
    child.stop(patience_seconds=0.3)
    assert 0.3 <= time.monotonic() - begin < 5
    assert not is_alive(child.pid)


@pytest.mark.parametrize("first_dies", [False, True])
def test_its_own_children_end_with_it_even_when_it_died_before_them(tmp_path: Path, first_dies: bool) -> None:
    grandchild = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"
    start = f"subprocess.Popen([sys.executable, '-c', {grandchild!r}])"
    code = f"import subprocess, sys, time\nprint({start}.pid, flush=True)\n"
    with ChildProcess(python(tmp_path, code + ("" if first_dies else "time.sleep(60)"))) as child:
        wait_for(lambda: child.tail().strip().isdigit())
        grandchild_pid = int(child.tail())
        if first_dies:
            wait_for(lambda: not child.is_running)
        assert is_alive(grandchild_pid)
        child.stop(patience_seconds=0.2)
    wait_for(lambda: not is_alive(grandchild_pid) or _is_zombie(grandchild_pid))


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z"
    except FileNotFoundError:
        return True


def test_it_does_not_hear_the_terminals_ctrl_c(tmp_path: Path) -> None:
    with ChildProcess(python(tmp_path, "import time; time.sleep(60)")) as child:
        assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
        assert os.getsid(child.pid) == child.pid


def test_stopping_twice_is_harmless(tmp_path: Path) -> None:
    child = ChildProcess(python(tmp_path, "import time; time.sleep(60)"))
    child.stop()
    child.stop()
    assert not child.is_running
    assert child._process.returncode == -signal.SIGTERM
