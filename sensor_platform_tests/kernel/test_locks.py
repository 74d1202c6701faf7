"""Lock files between real processes: one holder, named to the others; a killed holder's lock is free."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sensor_platform.kernel.locks import LockFile, LockHeld, lock_holder

HOLD = """
import sys
from pathlib import Path
from sensor_platform.kernel.locks import LockFile
with LockFile(Path(sys.argv[1])) as lock:
    print("open", flush=True)
    lock.take(wait=True)
    lock.sign(sys.argv[2])
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def _process(path: Path, signature: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that takes the lock as soon as it can, and holds it until it reads a line."""
    argv = [sys.executable, "-c", HOLD, str(path), signature]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert _line(process) == "open"
        try:
            yield process
        finally:
            process.kill()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "some.lock"


def test_another_process_is_refused_and_reads_who_holds_the_lock(path: Path) -> None:
    with _process(path, "first, process 1") as process:
        assert _line(process) == "held"
        with LockFile(path) as lock, pytest.raises(LockHeld) as error:
            lock.take()
        assert error.value.signature == "first, process 1"
        assert lock_holder(path) == lock_holder(path, shared=True) == "first, process 1"


def test_the_lock_of_a_killed_process_is_free_and_its_signature_is_not_believed(path: Path) -> None:
    with _process(path, "first") as process:
        assert _line(process) == "held"
        process.kill()
        process.wait()
        assert path.read_text() == "first"
        assert lock_holder(path) is None
        with LockFile(path) as lock:
            lock.take()
            assert lock_holder(path) == "first", "not signed yet"
            lock.sign("me")
            assert lock_holder(path) == path.read_text() == "me"
        assert lock_holder(path) is None


def test_who_waits_gets_the_lock_after_its_holder(path: Path) -> None:
    with _process(path, "first") as first:
        assert _line(first) == "held"
        with _process(path, "second") as second:
            assert lock_holder(path, shared=True) == "first"
            first.kill()
            assert _line(second) == "held"
            assert lock_holder(path, shared=True) == "second"


def test_two_in_one_process_exclude_each_other(path: Path) -> None:
    with LockFile(path) as one, LockFile(path) as other:
        one.take()
        with pytest.raises(LockHeld, match="another process"):
            other.take()
    with LockFile(path) as other:
        other.take()


def test_a_child_process_does_not_keep_the_lock(path: Path) -> None:
    with LockFile(path) as lock:
        lock.take()
        argv = [sys.executable, "-c", "print('lives', flush=True); input()"]
        child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, close_fds=False)
    with child:
        assert _line(child) == "lives"
        assert lock_holder(path) is None
        child.communicate("\n")


def test_shared_looks_do_not_see_each_other_and_need_no_right_to_write(path: Path) -> None:
    assert lock_holder(path) is None, "no file"
    assert not path.exists(), "a look creates nothing"
    with LockFile(path):
        path.chmod(0o444)
        look = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(look, fcntl.LOCK_SH | fcntl.LOCK_NB)
            assert lock_holder(path, shared=True) is None
            assert lock_holder(path) == "", "an exclusive look is stopped by a shared one"
        finally:
            os.close(look)


def test_a_shorter_signature_replaces_a_longer_one_whole(path: Path) -> None:
    with LockFile(path) as lock:
        lock.sign("a long signature")
        lock.sign("short")
        assert path.read_text() == "short"
        lock.sign("")
        assert path.read_bytes() == b""
