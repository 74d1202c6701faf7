"""Laws of the test suite."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_TEST_MODULE = re.compile(r"^\s*(?:from|import)\b.*\btest_.*$", re.MULTILINE)


def imported_test_modules(source: str) -> list[str]:
    """Import statements of test modules."""
    return [found.strip() for found in _TEST_MODULE.findall(source)]


def test_nothing_imports_a_test_module() -> None:
    """What several modules share stands in a helper module or a conftest."""
    offenders = {
        str(path.relative_to(ROOT)): found
        for folder in ("sensor_platform_tests", "benchmarks", "sensor_platform")
        for path in (ROOT / folder).rglob("*.py")
        if (found := imported_test_modules(path.read_text(encoding="utf-8")))
    }
    assert offenders == {}


@pytest.mark.parametrize(
    "source",
    ["from tests.wal.test_tail import Landed", "    import tests.test_a", "from tests.wal import written, test_tail"],
)
def test_an_import_of_a_test_module_is_found(source: str) -> None:
    assert imported_test_modules(f"import os\n{source}\n") == [source.strip()]


@pytest.mark.parametrize("source", ["from tests.wal.written import NOON", "import latest_test", "def test_a(): ..."])
def test_other_lines_are_not(source: str) -> None:
    assert imported_test_modules(source) == []
