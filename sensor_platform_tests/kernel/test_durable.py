"""Durable files: all or nothing, whatever interrupts the writing."""

import errno
import fcntl
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.kernel import durable


def test_a_replaced_file_has_the_new_content_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "file"
    durable.write_file(path, b"one")
    durable.write_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failing", ["write", "fsync", "replace"])
def test_a_failure_at_any_step_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "file"
    durable.write_file(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="no space"):
        durable.write_file(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@given(data=st.binary(max_size=200), step=st.integers(1, 7))
def test_short_writes_lose_no_byte(data: bytes, step: int) -> None:
    written = bytearray()

    def short_write(_: int, view: memoryview) -> int:
        written.extend(view[:step])
        return min(step, len(view))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", short_write)
        durable.write_all(0, data)
    assert bytes(written) == data


def test_sha256_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert durable.sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_where_fsync_stops_at_the_drives_cache_the_full_flush_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(durable, "_FULL_FSYNC", 51)
    monkeypatch.setattr(fcntl, "fcntl", lambda fd, command: asked.append((fd, command)))
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("the weaker one was used"))
    durable.write_file(tmp_path / "a", b"x")
    assert [command for _, command in asked] == [51, 51]


def test_a_file_system_that_knows_no_full_flush_gets_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, command: int) -> None:
        raise OSError(errno.ENOTSUP, "no")

    flushed: list[int] = []
    monkeypatch.setattr(durable, "_FULL_FSYNC", 51)
    monkeypatch.setattr(fcntl, "fcntl", refuse)
    monkeypatch.setattr(os, "fsync", flushed.append)
    durable.write_file(tmp_path / "a", b"x")
    assert len(flushed) == 2
