"""What is left of a module whose functions are emptied."""

from inspect import isgenerator
from typing import Any

import pytest

from sensor_platform_tests.mutants.empty import empty


def emptied(source: str) -> dict[str, Any]:
    """The names of an emptied module."""
    names: dict[str, Any] = {}
    exec(empty(source).source, names)
    return names


def test_a_function_returns_none_and_keeps_its_signature_and_docstring() -> None:
    names = emptied('def double(value: int, *, by: int = 2) -> int:\n    """Documented."""\n    return value * by\n')
    assert names["double"](1, by=3) is None
    assert names["double"].__doc__ == "Documented."
    assert names["double"].__kwdefaults__ == {"by": 2}
    with pytest.raises(TypeError):
        names["double"]()


def test_decorators_stay() -> None:
    names = emptied(
        "class A:\n    @property\n    def b(self):\n        return 1\n    @staticmethod\n    def c(): return 2\n"
    )
    assert (names["A"]().b, names["A"].c()) == (None, None)


def test_a_generator_yields_nothing() -> None:
    found = emptied("def each():\n    for n in range(3):\n        yield n\n")["each"]()
    assert isgenerator(found)
    assert list(found) == []


def test_a_function_around_a_generator_is_no_generator() -> None:
    assert emptied("def outer():\n    def inner():\n        yield 1\n    return list(inner())\n")["outer"]() is None


def test_constants_fields_and_enums_stay() -> None:
    source = (
        "from dataclasses import dataclass\nfrom enum import Enum\nLIMIT = max(1, 2)\n"
        "class Color(Enum):\n    RED = 'red'\n"
        "@dataclass\nclass Point:\n    x: int = 1\n    def far(self): return self.x > 9\n"
    )
    names = emptied(source)
    assert (names["LIMIT"], names["Color"]("red").name, names["Point"](3).x) == (2, "RED", 3)
    assert names["Point"](10).far() is None
    assert empty(source).top_level == {"Point"}


@pytest.mark.parametrize(
    "body",
    ["...", "pass", '"""Only documented."""', "raise NotImplementedError", 'raise NotImplementedError("later")'],
)
def test_what_does_nothing_is_not_counted(body: str) -> None:
    assert empty(f"def nothing():\n    {body}\n").functions == ()


def test_an_init_that_stores_values_stays_and_one_that_works_does_not() -> None:
    stores = "class A:\n    def __init__(self, a, b):\n        self.a = a\n        self._all: list[int] = list(b)\n"
    works = "class A:\n    def __init__(self, a):\n        self.a = self._open(a)\n"
    also_works = "class A:\n    def __init__(self, a):\n        self.a = a\n        start(a)\n"
    assert empty(stores).functions == ()
    assert empty(works).functions == ("__init__",)
    assert empty(also_works).functions == ("__init__",)


def test_a_function_that_is_kept_keeps_its_body_but_not_that_of_the_functions_in_it() -> None:
    source = "@staticmethod\ndef outer():\n    def inner():\n        return 1\n    return inner\n"
    found = empty(source, keep=[("outer", 1)])
    assert found.functions == ("inner",)
    assert found.top_level == {"outer"}
    names: dict[str, Any] = {}
    exec(found.source, names)
    assert names["outer"]()() is None


def test_functions_under_a_condition_are_emptied_too() -> None:
    found = empty("if True:\n    def a(): return 1\nelse:\n    def a(): return 2\n")
    assert found.functions == ("a", "a")
    assert found.top_level == {"a"}
