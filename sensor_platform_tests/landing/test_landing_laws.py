"""Only room `landing` knows the tables of the ledger, and other rooms import its public modules only."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import sensor_platform
from sensor_platform.landing import PUBLIC
from sensor_platform.landing.ledger.tables import TABLES

_ROOT = Path(sensor_platform.__file__).parent
_ROOM = "sensor_platform.landing."
_SHARED = {"meta"}
"""Table names that other databases of the platform have too."""
_SQL = re.compile(
    r"\b(select|delete|insert|update|replace|create|drop)\b.*\b(from|join|into|update|table|exists)\s+"
    rf"({'|'.join(sorted(TABLES - _SHARED))})\b|\bupdate\s+({'|'.join(sorted(TABLES - _SHARED))})\s+set\b",
    re.IGNORECASE | re.DOTALL,
)


def _other_modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(_ROOT.rglob("*.py")):
        name = str(path.relative_to(_ROOT))
        if not name.startswith("landing/"):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def _statements(tree: ast.Module) -> Iterator[str]:
    """SQL that names a table of the ledger, and statements run on a connection of the ledger, as `line: text`."""
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    connections = {
        item.optional_vars.id
        for node in ast.walk(tree)
        if isinstance(node, ast.With)
        for item in node.items
        if isinstance(item.optional_vars, ast.Name)
        and isinstance(item.context_expr, ast.Call)
        and isinstance(item.context_expr.func, ast.Name)
        and item.context_expr.func.id in {"open_ledger", "read_ledger"}
    } - {"connection"}  # a common name, of other databases too
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in texts:
            if _SQL.search(node.value):
                yield f"{node.lineno}: {node.value}"
        elif (
            isinstance(node, ast.Attribute)
            and node.attr in {"execute", "executemany", "executescript"}
            and isinstance(node.value, ast.Name)
            and node.value.id in connections
        ):
            yield f"{node.lineno}: {node.value.id}.{node.attr}"


def _private_imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sensor_platform.landing"):
            for alias in node.names:
                named = f"{node.module}.{alias.name}"
                path = _ROOT.parent / named.replace(".", "/")
                module = named if path.is_dir() or path.with_suffix(".py").exists() else node.module
                if module.removeprefix(_ROOM) not in PUBLIC:
                    yield f"{node.lineno}: {named}"


def test_no_other_room_speaks_sql_to_the_ledger() -> None:
    found = [f"{name}:{each}" for name, tree in _other_modules() for each in _statements(tree)]
    assert found == []


def test_other_rooms_import_public_modules_of_landing_only() -> None:
    found = [f"{name}:{each}" for name, tree in _other_modules() for each in _private_imports(tree)]
    assert found == []


def test_every_public_module_is_used_by_another_room() -> None:
    used = {
        f"{node.module}.{alias.name}"
        for _, tree in _other_modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    unused = [one for one in PUBLIC if not any(name.startswith(f"{_ROOM}{one}.") for name in used)]
    assert unused == [], "not imported by any other room: take it out of PUBLIC"


@pytest.mark.parametrize(
    "source",
    [
        'connection.execute("select max(position) from segments")',
        'text = "select s.slot_start" " from file_slots s join files f using (file)"',
        'text = f"delete from warehouse_state where model = {name!r}"',
        'text = "insert or replace into warehouse_state values (?, ?, ?, ?)"',
        'text = "update files set replaced_at = 1"',
        "with read_ledger(home) as ledger:\n    ledger.execute(statement)",
        "with changes_lock(home), open_ledger(home) as ledger:\n    ledger.executemany(statement, rows)",
    ],
)
def test_a_stranger_is_found(source: str) -> None:
    assert list(_statements(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        '"""select files from files: a docstring"""',
        'text = "select * from readings_clean"',
        'text = "cannot select: no rows in the files of segments"',
        "with read_ledger(home) as ledger:\n    totals(ledger)",
    ],
)
def test_what_is_allowed_is_not_found(source: str) -> None:
    assert not list(_statements(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "from sensor_platform.landing.ledger.schema import read_ledger",
        "from sensor_platform.landing.ledger import schema",
        "from sensor_platform.landing.lander import Lander",
        "from sensor_platform.landing import stage",
    ],
)
def test_a_private_import_is_found(source: str) -> None:
    assert list(_private_imports(ast.parse(source)))
