"""Verdicts on the modules of a small tree, by real runs of pytest, and what a room needs to pass."""

from pathlib import Path
from shutil import copytree

import pytest

from sensor_platform_tests.copied_tree import ROOT
from sensor_platform_tests.mutants.judge import Fate, Verdict, judge
from sensor_platform_tests.mutants.report import is_enough, line, summary, totals
from sensor_platform_tests.mutants.rooms import Module, modules_of
from sensor_platform_tests.mutants.tree import Tree

FUNCTION = "def double(value):\n    return value * 2\n"
MODULES = {
    "checked": (FUNCTION, "def test_it():\n    assert double(2) == 4\n"),
    "fails_anyway": (FUNCTION, "def test_it():\n    assert double(2) == 5\n"),
    "only_called": (FUNCTION, "def test_it():\n    double(2)\n"),
    "in_a_fixture": (
        FUNCTION,
        "import pytest\n@pytest.fixture\ndef found():\n    return double(2) + 1\ndef test_it(found):\n    pass\n",
    ),
    "at_import": (
        f"{FUNCTION}def half(value):\n    return value / 2\nLIMIT = double(2) + 1\n",
        "from sensor_platform.room.at_import import half\ndef test_it():\n    assert half(2) == 1\n",
    ),
    "constants": ("LIMIT = 1\n", "def test_it():\n    pass\n"),
    "untested": (FUNCTION, None),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    original = tmp_path_factory.mktemp("original")
    package, tests = original / "sensor_platform" / "room", original / "sensor_platform_tests" / "room"
    package.mkdir(parents=True)
    tests.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    for name, (source, test) in MODULES.items():
        (package / f"{name}.py").write_text(source)
        if test is not None:
            line = f"from sensor_platform.room.{name} import *\n"
            (tests / f"test_{name}.py").write_text(line + test)
    copytree(ROOT / "sensor_platform_tests" / "mutants", tests.parent / "mutants")
    for name in ("copied_tree.py", "../pyproject.toml"):
        (tests.parent / name).write_text((ROOT / "sensor_platform_tests" / name).read_text())
    return Tree(original, tmp_path_factory.mktemp("copy"))


def verdict(tree: Tree, name: str) -> Verdict:
    module = next(each for each in modules_of(tree.original, "room") if each.short == f"room.{name}")
    return judge(tree, module)


def test_a_module_is_killed_by_the_test_that_fails(tree: Tree) -> None:
    found = verdict(tree, "checked")
    assert (found.fate, found.test) == (Fate.KILLED, "sensor_platform_tests/room/test_checked.py::test_it")
    assert (tree.root / found.module.path).read_text() == FUNCTION


@pytest.mark.parametrize(
    ("name", "fate", "note"),
    [
        ("fails_anyway", Fate.SURVIVED, ""),
        ("only_called", Fate.SURVIVED, ""),
        ("in_a_fixture", Fate.SURVIVED, "1 fixtures fail"),
        ("untested", Fate.NO_TEST, ""),
        ("constants", Fate.NOTHING, ""),
    ],
)
def test_a_module_that_no_test_misses_is_named(tree: Tree, name: str, fate: Fate, note: str) -> None:
    found = verdict(tree, name)
    assert (found.fate, found.note) == (fate, note)


def test_what_runs_at_import_stays_for_a_failed_import_is_not_a_failed_test(tree: Tree) -> None:
    found = verdict(tree, "at_import")
    assert found.fate is Fate.KILLED
    assert found.note == "not emptied, as it runs at import: double"


def test_nine_of_ten_are_required_and_modules_without_functions_are_not_counted() -> None:
    module = Module("sensor_platform.room.a", "room", Path("sensor_platform/room/a.py"))
    killed = Verdict(module, Fate.KILLED, "sensor_platform_tests/room/test_a.py::test_it")
    missed, nothing = Verdict(module, Fate.SURVIVED, note="2 fixtures fail"), Verdict(module, Fate.NOTHING)
    assert is_enough([killed] * 9 + [missed])
    assert is_enough([])
    assert not is_enough([killed] * 8 + [missed] + [nothing] * 9)
    assert summary("room", [killed, missed, nothing]) == "room: 1 of 2 modules killed, 2 required"
    assert line(killed, 8) == "room.a    killed        test_a.py::test_it"
    assert list(totals([killed, missed])) == [
        "room: 1 of 2 modules killed, 2 required",
        "not killed: room.a  SURVIVED       (2 fixtures fail)",
    ]
