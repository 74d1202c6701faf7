import os
import signal
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from sensor_platform.collect.child_process import ChildCommand, ChildProcess, SupervisedChild
from sensor_platform.errors import Unreachable
from sensor_platform_tests.running import wait_until


def python(folder: Path, code: str) -> ChildCommand:
    return ChildCommand("the child", [sys.executable, "-c", code], folder / "logs" / "child.log")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_output_goes_to_the_log_and_its_end_can_be_read(tmp_path: Path) -> None:
    code = "import sys\nfor n in range(50): print(n)\nprint('last words', file=sys.stderr)"
    with ChildProcess(python(tmp_path, code)) as child:
        wait_until(lambda: not child.is_running, "the end of the child")
        assert child.tail(3).splitlines() == ["48", "49", "last words"]


def test_a_child_that_died_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    with ChildProcess(python(tmp_path, "raise SystemExit('the port is taken')")) as child:
        wait_until(lambda: not child.is_running, "the end of the child")
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
        wait_until(lambda: "up" in child.tail(), "the first line")
    assert not is_alive(child.pid)
    assert child.tail().splitlines()[-1] == "bye"


def test_one_that_ignores_sigterm_is_killed_after_the_patience(tmp_path: Path) -> None:
    code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)"
    child = ChildProcess(python(tmp_path, code))
    wait_until(lambda: "up" in child.tail(), "the first line")
    child.stop(patience_seconds=0.3)
    assert child.exit_code == -signal.SIGKILL
    assert not is_alive(child.pid)


@pytest.mark.parametrize("first_dies", [False, True])
def test_its_own_children_end_with_it_even_when_it_died_before_them(tmp_path: Path, first_dies: bool) -> None:
    grandchild = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"
    start = f"subprocess.Popen([sys.executable, '-c', {grandchild!r}])"
    code = f"import subprocess, sys, time\nprint({start}.pid, flush=True)\n"
    with ChildProcess(python(tmp_path, code + ("" if first_dies else "time.sleep(60)"))) as child:
        wait_until(lambda: child.tail().strip().isdigit(), "the process id")
        grandchild_pid = int(child.tail())
        if first_dies:
            wait_until(lambda: not child.is_running, "the end of the child")
        assert is_alive(grandchild_pid)
        child.stop(patience_seconds=0.2)
    wait_until(lambda: not is_alive(grandchild_pid) or _is_zombie(grandchild_pid), "the end of the grandchild")


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
    assert child.exit_code == -signal.SIGTERM


def test_a_child_that_ends_with_its_input_is_stopped_without_a_signal(tmp_path: Path) -> None:
    code = "import sys\nprint('up', flush=True)\nsys.stdin.read()\nprint('input closed')"
    command = ChildCommand("the child", [sys.executable, "-c", code], tmp_path / "log", ends_with_input=True)
    child = ChildProcess(command)
    wait_until(lambda: "up" in child.tail(), "the first line")
    child.stop()
    assert child.exit_code == 0
    assert child.tail().splitlines()[-1] == "input closed"


def test_a_supervised_child_is_started_again_after_pauses_that_grow_while_it_ends_soon(tmp_path: Path) -> None:
    now = [0.0]
    child = SupervisedChild(python(tmp_path, "raise SystemExit(3)"), lambda: now[0])
    pauses = []
    for starts in range(1, 5):
        while child.starts < starts:
            child.tend()
            now[0] += 0.25
        pauses.append(now[0])
        wait_until(lambda: not child.is_running, "the end of the child")
    assert [round(later - earlier, 2) for earlier, later in pairwise(pauses)] == [0.75, 1.25, 2.25]
    child.stop()
    assert not child.is_running


def test_a_command_that_cannot_be_started_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    program = tmp_path / "program"
    child = SupervisedChild(ChildCommand("the child", [str(program)], tmp_path / "log"), lambda: now[0])
    child.tend()
    assert child.starts == 0
    assert "cannot start the child" in caplog.text
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    now[0] = 1.0
    child.tend()
    assert child.starts == 1
    assert child.is_running
    child.stop()
