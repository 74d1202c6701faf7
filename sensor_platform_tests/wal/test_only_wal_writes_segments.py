"""Law: only the room `wal` writes segments. Other rooms use `open_wal` and `WalWriter`, and otherwise only read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import sensor_platform

PACKAGE = Path(sensor_platform.__file__).parent
PRIVATE = {"SegmentWriter", "CommittedOffsetFile", "cut_file", "seal_file"}
WRITERS = {"rename", "touch", "unlink", "write_bytes", "write_file", "write_text"}
DUCKDB = {  # the warehouse file has a log of its own, which DuckDB calls .wal
    "warehouse/file/healing.py",
    "warehouse/rebuild.py",
}


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sensor_platform.wal"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def names_a_segment_file(function: ast.AST) -> bool:
    texts = (node.value for node in ast.walk(function) if isinstance(node, ast.Constant))
    return any(isinstance(text, str) and text.endswith((".open", ".wal")) for text in texts)


def writes(function: ast.AST) -> bool:
    """Calls something that creates, changes, renames or deletes a file. `str.replace` is not `os.replace`."""
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in WRITERS:
            return True
        if isinstance(called, ast.Attribute):
            is_os = isinstance(called.value, ast.Name) and called.value.id == "os"
            mode = node.args[0] if node.args else None
            if called.attr in WRITERS or (is_os and called.attr in {"open", "remove", "replace"}):
                return True
            if called.attr == "open" and isinstance(mode, ast.Constant) and set(str(mode.value)) & set("wax+"):
                return True
    return False


def violations(source: str) -> list[str]:
    tree = ast.parse(source)
    found = [name for name in imported(tree) if name.rpartition(".")[2] in PRIVATE]
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return found + [each.name for each in functions if names_a_segment_file(each) and writes(each)]


def test_no_other_room_writes_segments() -> None:
    files = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")]
    others = [file for file in files if file.parts[0] != "wal" and file.as_posix() not in DUCKDB]
    assert len(others) > 400
    found = {str(file): violations((PACKAGE / file).read_text("utf-8")) for file in others}
    assert {file: names for file, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from sensor_platform.wal.segment_writer import SegmentWriter",
        "def f(home):\n    (home.wal / 'c-1-2.open').write_bytes(b'x')",
        "def f(home, name):\n    with (home.wal / f'{name}.wal').open('ab') as file:\n        file.write(b'x')",
        "import os\ndef f(home, name):\n    os.replace(home.wal / f'{name}.open', home.wal / f'{name}.wal')",
        "def f(home):\n    for path in home.wal.glob('*.wal'):\n        path.unlink()",
    ],
)
def test_a_writer_in_another_room_is_found(source: str) -> None:
    assert violations(source)


def test_readers_are_allowed() -> None:
    assert not violations("def f(home):\n    return [path.read_bytes() for path in home.wal.glob('*.wal')]")
