"""Which test modules are near a module."""

from pathlib import Path

import pytest

from sensor_platform_tests.mutants.empty import empty
from sensor_platform_tests.mutants.near import near_tests
from sensor_platform_tests.mutants.rooms import Module, modules_of, source_of

SOURCES = {
    "sensor_platform/__init__.py": "",
    "sensor_platform/room/__init__.py": "from sensor_platform.room.parts import made\n",
    "sensor_platform/room/parts.py": (
        "LIMIT = 1\nclass Record:\n    x: int\ndef made():\n    return 1\nclass Part:\n    def run(self): return 1\n"
    ),
    "sensor_platform/room/inner/deep.py": "def made():\n    return 1\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, source in SOURCES.items():
        write(tmp_path, name, source)
    return tmp_path


def write(root: Path, name: str, source: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(source)


def near(root: Path, name: str) -> list[str]:
    module = module_of(root, name)
    return [path.name for path in near_tests(root, module, empty(source_of(root, module)))]


def module_of(root: Path, name: str) -> Module:
    return next(each for each in modules_of(root, "room") if each.short == name)


@pytest.mark.parametrize(
    "line",
    [
        "from sensor_platform.room.parts import made",
        "from sensor_platform.room.parts import LIMIT, Part",
        "from sensor_platform.room import parts",
        "import sensor_platform.room.parts",
        "from sensor_platform.room import made",
        "def test_a():\n    from sensor_platform.room.parts import made",
    ],
)
def test_a_test_that_imports_what_is_emptied_is_near(root: Path, line: str) -> None:
    write(root, "sensor_platform_tests/room/test_some.py", line)
    assert near(root, "room.parts") == ["test_some.py"]


@pytest.mark.parametrize(
    "line",
    [
        "from sensor_platform.room.parts import LIMIT, Record",
        "from sensor_platform.room.inner.deep import made",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from sensor_platform.room.parts import Part",
    ],
)
def test_a_test_that_imports_nothing_that_is_emptied_is_not(root: Path, line: str) -> None:
    write(root, "sensor_platform_tests/room/test_some.py", line)
    assert near(root, "room.parts") == []


def test_a_test_of_another_room_is_not_near(root: Path) -> None:
    write(root, "sensor_platform_tests/other/test_parts.py", "from sensor_platform.room.parts import made")
    assert near(root, "room.parts") == []


def test_tests_that_are_named_after_a_module_come_first_then_those_that_import_least(root: Path) -> None:
    deep = "from sensor_platform.room.inner.deep import made\n"
    write(root, "sensor_platform_tests/room/test_all.py", deep + "from sensor_platform.room.parts import Part")
    write(root, "sensor_platform_tests/room/test_few.py", deep)
    write(root, "sensor_platform_tests/room/inner/test_deep.py", "")
    write(root, "sensor_platform_tests/room/test_inner_deep.py", "")
    assert near(root, "room.inner.deep") == ["test_deep.py", "test_inner_deep.py", "test_few.py", "test_all.py"]


def test_a_room_may_be_a_folder_or_a_single_module_or_missing(root: Path) -> None:
    write(root, "sensor_platform/single.py", "")
    assert [each.short for each in modules_of(root, "room")] == ["room", "room.inner.deep", "room.parts"]
    assert [each.short for each in modules_of(root, "single")] == ["single"]
    assert list(modules_of(root, "missing")) == []
