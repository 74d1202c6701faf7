"""Laws of ARCHITECTURE.md that import contracts cannot express: the warehouse file and the environment."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sensor_platform

PACKAGE = Path(sensor_platform.__file__).parent
ENVIRONMENT = frozenset({"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv", "expandvars"})
CHANGES = frozenset({"pop", "popitem", "update", "setdefault", "clear", "putenv", "unsetenv"})


def opens_the_warehouse(tree: ast.AST) -> Iterator[int]:
    """Lines that use `home.warehouse_file`: nobody opens, replaces or removes a file whose path it does not know."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.Attribute(attr="warehouse_file", lineno=line) | ast.Constant(value="warehouse.duckdb", lineno=line)
            ):
                yield line


def uses_the_environment(tree: ast.AST) -> Iterator[int]:
    """Lines that read or write the environment of the process, through `os` or a name imported from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            is_use = node.attr in ENVIRONMENT and _is_os(node.value)
        elif isinstance(node, ast.ImportFrom) and node.module in {"os", "os.path", "posixpath"}:
            is_use = not ENVIRONMENT.isdisjoint(name.name for name in node.names)
        else:
            continue
        if is_use:
            yield node.lineno


def writes_the_environment(tree: ast.AST) -> Iterator[int]:
    """Lines that change the environment of the process."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)) and _is_environ(node.value):
            yield node.lineno
        elif isinstance(node, ast.Attribute) and node.attr in CHANGES:
            if _is_environ(node.value) or (_is_os(node.value) and node.attr in ENVIRONMENT):
                yield node.lineno
        elif isinstance(node, ast.AugAssign) and _is_environ(node.target):
            yield node.lineno


def _is_os(node: ast.AST) -> bool:
    return ast.unparse(node) in {"os", "os.path"}


def _is_environ(node: ast.AST) -> bool:
    return ast.unparse(node) in {"os.environ", "os.environb", "environ", "environb"}


def offenders(rule: Callable[[ast.AST], Iterator[int]], allowed: tuple[str, ...] = ()) -> list[str]:
    """Places in the package that break a rule, but for the files and folders that may."""
    return [
        f"{name}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if not (name := path.relative_to(PACKAGE).as_posix()).startswith(allowed or ("/",))
        for line in rule(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_only_the_warehouse_opens_the_warehouse_file() -> None:
    assert offenders(opens_the_warehouse, ("warehouse/", "home.py")) == []


def test_only_the_settings_module_reads_the_environment() -> None:
    assert offenders(uses_the_environment, ("settings.py",)) == []


def test_nobody_writes_the_environment() -> None:
    assert offenders(writes_the_environment) == []


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (opens_the_warehouse, "duckdb.connect(str(home.warehouse_file), read_only=True)"),
        (opens_the_warehouse, "(home.warehouse / 'warehouse.duckdb').unlink()"),
        (uses_the_environment, "import os\nprint(os.environ['HOME'])"),
        (uses_the_environment, "import os\nprint(os.getenv('HOME'))"),
        (uses_the_environment, "import os\nprint(os.path.expandvars('$HOME'))"),
        (uses_the_environment, "from os import environ as known"),
        (writes_the_environment, "import os\nos.environ['X'] = '1'"),
        (writes_the_environment, "import os\nos.environ |= {'X': '1'}"),
        (writes_the_environment, "import os\nos.environ.pop('X', None)"),
        (writes_the_environment, "import os\nos.putenv('X', '1')"),
        (writes_the_environment, "from os import environ\ndel environ['X']"),
    ],
)
def test_a_rule_finds_who_breaks_it(rule: Callable[[ast.AST], Iterator[int]], source: str) -> None:
    assert list(rule(ast.parse(source)))


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (opens_the_warehouse, "duckdb.connect(str(home.published / 'analytics.duckdb'), read_only=True)"),
        (uses_the_environment, "import os\nprint(os.getpid(), command.environ)"),
        (writes_the_environment, "import os\nprint({**os.environ, 'X': '1'})"),
    ],
)
def test_a_rule_passes_over_what_is_allowed(rule: Callable[[ast.AST], Iterator[int]], source: str) -> None:
    assert not list(rule(ast.parse(source)))
