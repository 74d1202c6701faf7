"""ARCHITECTURE and the concepts page stay short, name every room, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


def _rooms() -> list[str]:
    package = ROOT / "sensor_platform"
    modules = [path.stem for path in package.glob("*.py") if path.stem != "__init__"]
    return sorted([*modules, *(path.parent.name for path in package.glob("*/__init__.py"))])


@pytest.mark.parametrize("room", _rooms())
def test_architecture_names_every_room(room: str) -> None:
    rows = [line for line in (ROOT / "ARCHITECTURE.md").read_text().splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])}
    assert room in named


def test_architecture_is_one_page() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 80


def test_the_concepts_are_at_most_25() -> None:
    rows = re.findall(r"^\| \*\*", (ROOT / "docs/concepts.md").read_text(), re.MULTILINE)
    assert 15 <= len(rows) <= 25


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}, which does not exist"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_modules_named_in_the_docs_exist(page: Path) -> None:
    if page.name in {"CHANGELOG.md", "CONTRIBUTING.md"}:
        return  # they name files of the past, and files that the reader adds
    for module in re.findall(r"sensor_platform/[a-z_/]+(?:\.py|/)", page.read_text(encoding="utf-8")):
        assert (ROOT / module).exists(), f"{page.name} names {module}, which does not exist"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tests_and_benchmarks_named_in_the_docs_exist(page: Path) -> None:
    if page.name == "CONTRIBUTING.md":
        return  # it names files that the reader adds
    for name in re.findall(r"[a-z_/]+/test_[a-z_0-9]+\.py|bench_[a-z_]+\.py", page.read_text(encoding="utf-8")):
        places = (ROOT / "sensor_platform_tests" / name, ROOT / "benchmarks" / name, ROOT / name)
        assert any(place.exists() for place in places), f"{page.name} names {name}, which does not exist"
