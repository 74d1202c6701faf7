"""Conditions over several metrics of a device, as text: `temperature > 80 and value("PM2.5") > 35`.

Only numbers, metrics, arithmetic, comparisons, and/or/not, abs, min and max; nothing runs as Python. Each part is
a truth or a number: a truth in arithmetic is 1 or 0, and a number where a truth is asked for is true unless it is 0. A
metric without a recent value is false, and every comparison with it too.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import numpy.typing as npt

Values = Mapping[str, npt.NDArray[np.float64]]
_Evaluate = Callable[[Values], Any]

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"abs": np.abs, "min": np.minimum, "max": np.maximum}
_MOST_NODES = 200


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked condition."""

    text: str
    metrics: tuple[str, ...]
    """Metrics that the condition names, each once."""
    evaluate: Callable[[Values], "npt.NDArray[np.bool_]"]
    """From one column of values per metric to one column of truth values."""


@lru_cache(maxsize=1024)
def parse(text: str) -> Expression:
    """Check and compile a condition.

    Raises:
        ValueError: naming what is not allowed.
    """
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text!r} is not a condition: {getattr(error, 'msg', error)}") from error
    if sum(1 for _ in ast.walk(tree)) > _MOST_NODES:
        raise ValueError("the condition is too long")
    metrics: dict[str, None] = {}
    compiled = _truth(tree.body, metrics)
    if not metrics:
        raise ValueError(f"{text!r} names no metric")

    def evaluate(values: Values) -> "npt.NDArray[np.bool_]":
        with np.errstate(all="ignore"):
            return np.asarray(compiled(values), np.bool_)

    return Expression(text, tuple(metrics), evaluate)


def _compile(node: ast.expr, metrics: dict[str, None]) -> _Evaluate:
    """The node as a function to a truth or to a number, as it is written."""
    if isinstance(node, ast.BoolOp):
        parts = [_truth(value, metrics) for value in node.values]
        join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return lambda values: reduce(join, [part(values) for part in parts])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _truth(node.operand, metrics)
        return lambda values: np.logical_not(inner(values))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _number(node.operand, metrics)
        return lambda values: -number(values)
    if isinstance(node, ast.BinOp) and (arithmetic := _ARITHMETIC.get(type(node.op))):
        low, high = _number(node.left, metrics), _number(node.right, metrics)
        return lambda values: arithmetic(low(values), high(values))
    if isinstance(node, ast.Compare):
        return _comparison(node, metrics)
    return _leaf(node, metrics)


def _truth(node: ast.expr, metrics: dict[str, None]) -> _Evaluate:
    """A number is true unless it is 0 or absent."""
    inner = _compile(node, metrics)

    def truth(values: Values) -> Any:  # noqa: ANN401 - numpy's
        found = np.asarray(inner(values))
        return found if found.dtype == np.bool_ else (found != 0) & ~np.isnan(found)

    return truth


def _number(node: ast.expr, metrics: dict[str, None]) -> _Evaluate:
    """A truth is 1 or 0, so that truths can be counted."""
    inner = _compile(node, metrics)
    return lambda values: np.asarray(inner(values), np.float64)


def _comparison(node: ast.Compare, metrics: dict[str, None]) -> _Evaluate:
    """`a < b < c` as in Python. NaN compares false, unequal too."""
    sides = [_number(side, metrics) for side in (node.left, *node.comparators)]
    tests = [_COMPARE.get(type(each)) for each in node.ops]
    if None in tests:
        raise ValueError("only > >= < <= == and != compare")

    def compare(values: Values) -> Any:  # noqa: ANN401 - numpy's
        found = [side(values) for side in sides]
        truths = [test(a, b) for test, a, b in zip(tests, found, found[1:], strict=False) if test]
        return reduce(np.logical_and, [*truths, *(~np.isnan(side) for side in found)])

    return compare


def _leaf(node: ast.expr, metrics: dict[str, None]) -> _Evaluate:
    if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        number = _constant(node.value)  # type: ignore[arg-type] # as just seen
        return lambda _values: number
    if isinstance(node, ast.Name):
        return _metric(node.id, metrics)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _call(node.func.id, node.args, metrics)
    raise ValueError(f"{ast.unparse(node)!r} is not allowed in a condition")


def _constant(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError("a number in the condition is too large") from None


def _call(name: str, args: list[ast.expr], metrics: dict[str, None]) -> _Evaluate:
    if name == "value" and len(args) == 1 and isinstance(args[0], ast.Constant) and isinstance(args[0].value, str):
        return _metric(args[0].value, metrics)
    function = _FUNCTIONS.get(name)
    if function is None or len(args) != (1 if name == "abs" else 2):
        raise ValueError(f"{name}(...) is not allowed; there are value('name'), abs(x), min(x, y) and max(x, y)")
    parts = [_number(arg, metrics) for arg in args]
    return lambda values: function(*(part(values) for part in parts))


def _metric(name: str, metrics: dict[str, None]) -> _Evaluate:
    metrics[name] = None
    return lambda values: values[name]
