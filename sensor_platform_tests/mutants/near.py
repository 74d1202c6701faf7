"""Which tests are near a module: those of its room's test folder that are named after it or import what it does.

A test that imports only a constant or a record of a module does not test it, and a test that reaches a module through
others finds a fault far from its cause; neither counts.
"""

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from sensor_platform_tests.mutants.empty import Emptied
from sensor_platform_tests.mutants.rooms import PACKAGE, Module, syntax_of, tests_of

Import = tuple[str, str | None]
"""A module, and the name that is imported from it; None for the module itself."""


def near_tests(root: Path, module: Module, emptied: Emptied) -> list[Path]:
    """The near tests of a module: those named after it first, then those that import the fewest others."""
    found = []
    for path in tests_of(root, module.room):
        imports = imports_of(root, path)
        is_named = path.stem in module.words
        names = {name for source, name in imports if source == module.name}
        if is_named or None in names or names & emptied.top_level:
            found.append((not is_named, len({source for source, _ in imports}), path))
    return [path for *_, path in sorted(found)]


@lru_cache(maxsize=1000)
def imports_of(root: Path, path: Path) -> frozenset[Import]:
    """What a source file imports of the package, traced to the modules that define it."""
    found = (_defined_in(root, source, name) for source, name in _imports(syntax_of(root / path)))
    return frozenset(each for each in found if each[0].partition(".")[0] == PACKAGE)


def _imports(node: ast.AST) -> Iterator[Import]:
    """Imports of names that are used when it runs: not those for annotations only."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from ((each.name, None) for each in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield from ((node.module, each.name) for each in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


def _defined_in(root: Path, source: str, name: str | None) -> Import:
    """Where an imported name is defined: a module may itself import the name and pass it on."""
    if name is None:
        return source, None
    if source_path(root, f"{source}.{name}") is not None:
        return f"{source}.{name}", None
    path = source_path(root, source)
    passed_on = _passed_on(path).get(name) if path is not None else None
    return (source, name) if passed_on is None else _defined_in(root, *passed_on)


@lru_cache(maxsize=1000)
def _passed_on(path: Path) -> dict[str, Import]:
    """Names that a module imports at its top level, by the name that it gives them."""
    found: dict[str, Import] = {}
    for node in syntax_of(path).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {each.asname or each.name: (node.module, each.name) for each in node.names}
    return found


def source_path(root: Path, name: str) -> Path | None:
    """Source file of a module of the package, or None."""
    base = root.joinpath(*name.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    found = next((path for path in candidates if path.is_file()), None)
    return found if name.partition(".")[0] == PACKAGE else None
