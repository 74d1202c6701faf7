"""Kinds of values in words."""

import pytest

from sensor_platform.reading.value_kinds import KIND_OF, ValueKind, names


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        (ValueKind.TEXT, "text"),
        (ValueKind.INTEGER | ValueKind.FLOAT, "integer, float"),
        (ValueKind.BOOLEAN | ValueKind.TEXT, "boolean, text"),
        (0, ""),
    ],
)
def test_kinds_are_named(kinds: int, words: str) -> None:
    assert names(kinds) == words


def test_every_kind_of_json_has_a_name() -> None:
    assert {names(kind) for kind in KIND_OF.values()} == {"boolean", "integer", "float", "text"}
