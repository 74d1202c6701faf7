"""Empties the functions of a module: signature, decorators and docstring stay, the body does nothing.

Constants, fields, and classes without methods stay as they are, as does what has no behaviour to lose: the body of a
protocol or an overload, and an `__init__` that only stores values. A generator stays a generator and yields nothing.
"""

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef
Place = tuple[str, int]
"""Name of a function and the first line of its code, as a code object gives them."""


@dataclass(frozen=True)
class Emptied:
    """A module whose functions do nothing."""

    source: str
    functions: tuple[str, ...]
    """Names of the functions that were emptied."""
    top_level: frozenset[str]
    """Names of the module's top level that have changed: those functions, and the classes of those methods."""


def empty(source: str, keep: Collection[Place] = ()) -> Emptied:
    """Empty every function of a module but those of `keep`."""
    tree = ast.parse(source)
    functions: list[str] = []
    top_level = set()
    for node in tree.body:
        before = len(functions)
        functions += _empty_below(node, keep)
        if len(functions) > before:
            top_level |= _defined_by(node)
    return Emptied(ast.unparse(ast.fix_missing_locations(tree)), tuple(functions), frozenset(top_level))


def place_of(node: Function) -> Place:
    """Where the code of a function begins, which is at its first decorator."""
    return node.name, min([node.lineno, *(each.lineno for each in node.decorator_list)])


def _empty_below(node: ast.AST, keep: Collection[Place]) -> Iterator[str]:
    """Empty a function, or the functions below anything else or below a function that is kept."""
    if isinstance(node, Function) and place_of(node) not in keep:
        if _has_behaviour(node):
            node.body = _nothing(node)
            yield node.name
        return
    for child in ast.iter_child_nodes(node):
        yield from _empty_below(child, keep)


def _defined_by(node: ast.AST) -> set[str]:
    if isinstance(node, Function | ast.ClassDef):
        return {node.name}
    return {each.name for each in ast.walk(node) if isinstance(each, Function | ast.ClassDef)}


def _without_docstring(node: Function) -> list[ast.stmt]:
    return node.body[1:] if ast.get_docstring(node) is not None else node.body


def _has_behaviour(node: Function) -> bool:
    body = _without_docstring(node)
    if all(isinstance(each, ast.Pass) or _is_ellipsis(each) or _is_refusal(each) for each in body):
        return False
    return not (node.name == "__init__" and all(_is_stored(each) for each in body))


def _is_ellipsis(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...


def _is_refusal(node: ast.stmt) -> bool:
    return isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" in ast.unparse(node.exc)


def _is_stored(node: ast.stmt) -> bool:
    """Whether a statement sets attributes, and calls nothing of its own module by that."""
    return isinstance(node, ast.Assign | ast.AnnAssign) and not any(
        isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and ast.unparse(each.func.value) == "self"
        for each in ast.walk(node)
    )


def _nothing(node: Function) -> list[ast.stmt]:
    docstring = node.body[:1] if ast.get_docstring(node) is not None else []
    is_generator = any(isinstance(each, ast.Yield | ast.YieldFrom) for each in _own_nodes(node))
    nothing = "return\nyield" if is_generator else "return None"
    return [*docstring, *ast.parse(nothing, mode="exec").body]


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """What is below a function, but not below a function inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.Lambda):
            yield child
            yield from _own_nodes(child)
