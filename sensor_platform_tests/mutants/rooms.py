"""Which modules are checked: every module of the rooms below that is there."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "sensor_platform"
TESTS = "sensor_platform_tests"
ROOMS = ("stream", "reading", "landing", "cli", "wal", "imports", "contracts", "labels", "retention")
"""A room that is not there has no modules; a room that is split off is added here."""


@dataclass(frozen=True)
class Module:
    """One module of a room, and where it stands below the root of the tree."""

    name: str
    room: str
    path: Path

    @property
    def short(self) -> str:
        """Name below the package: `landing.ledger.read`."""
        return self.name.removeprefix(f"{PACKAGE}.")

    @property
    def words(self) -> tuple[str, ...]:
        """Names of the test modules that are named after it: `test_read`, `test_ledger_read`."""
        parts = self.short.split(".")[1:] or [self.room]
        return tuple("test_" + "_".join(parts[start:]) for start in range(len(parts)))


def module_name(path: Path) -> str:
    """Dotted name of a source file given by its path below the root."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_of(root: Path, room: str) -> Iterator[Module]:
    """The modules of a room, also of a room that is a single module, in order of their names."""
    base = root / PACKAGE / room
    for path in [base.with_suffix(".py")] if base.with_suffix(".py").is_file() else sorted(base.rglob("*.py")):
        place = path.relative_to(root)
        yield Module(module_name(place), room, place)


def tests_of(root: Path, room: str) -> list[Path]:
    """The test modules of a room: those of the test folder with its name."""
    return sorted(path.relative_to(root) for path in (root / TESTS / room).rglob("test_*.py"))


def source_of(root: Path, module: Module) -> str:
    """Source text of a module."""
    return (root / module.path).read_text(encoding="utf-8")


def syntax_of(path: Path) -> ast.Module:
    """Syntax tree of a source file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))
