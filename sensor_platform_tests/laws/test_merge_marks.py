"""No text file of the project holds the marks of an unfinished merge."""

import re
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_MARK = re.compile(rb"^(<{7} |>{7} |={7}$)", re.MULTILINE)
_KINDS = {
    ".md",
    ".py",
    ".sql",
    ".yaml",
    ".yml",
    ".toml",
    ".cfg",
    ".csv",
    ".json",
    ".js",
    ".css",
    ".html",
    ".sh",
    ".txt",
}


def _files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=_ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a checkout of git")
    names = listed.stdout.decode().split("\0")
    return [_ROOT / name for name in names if Path(name).suffix in _KINDS and (_ROOT / name).is_file()]


def test_no_file_holds_marks_of_a_merge() -> None:
    found = [str(path.relative_to(_ROOT)) for path in _files() if _MARK.search(path.read_bytes())]
    assert found == []
