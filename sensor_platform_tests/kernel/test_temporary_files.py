"""Temporary files of processes that are gone, of this and of another container."""

import os
from pathlib import Path

import pytest

from sensor_platform.kernel.durable import replacing
from sensor_platform.kernel.temporary_files import FOREIGN_SECONDS, is_dead, process_place, temporary_path


def made(path: Path, age: float = 0.0) -> Path:
    path.touch()
    at = path.stat().st_mtime - age
    os.utime(path, (at, at))
    return path


@pytest.mark.parametrize(
    "name", ["x.parquet.999999999.tmp", f"x.{process_place()}.999999999.tmp", "x.tmp", "x.abc.tmp"]
)
def test_a_file_of_a_process_that_is_gone_is_dead(tmp_path: Path, name: str) -> None:
    assert is_dead(made(tmp_path / name))


def test_a_file_of_this_process_is_left_over_and_one_of_a_living_process_is_not(tmp_path: Path) -> None:
    assert is_dead(made(temporary_path(tmp_path / "x")))
    assert not is_dead(made(tmp_path / f"x.{process_place()}.{os.getppid()}.tmp"))
    assert not is_dead(made(tmp_path / f"x.{os.getppid()}.tmp"))


def test_of_another_container_only_the_age_tells(tmp_path: Path) -> None:
    for pid in (1, os.getpid(), 999_999_999):
        foreign = tmp_path / f"x.parquet.0123abcdp.{pid}.tmp"
        assert not is_dead(made(foreign)), "a process with this id in our container is another one"
        assert is_dead(made(foreign, FOREIGN_SECONDS + 60))
        foreign.unlink()
        assert not is_dead(foreign), "it was renamed or deleted meanwhile"


def test_durable_files_are_written_under_such_a_name(tmp_path: Path) -> None:
    with replacing(tmp_path / "x") as temporary:
        assert temporary == temporary_path(tmp_path / "x")
        temporary.write_text("new")
    assert (tmp_path / "x").read_text() == "new"
