"""Payloads of the field: exactly the stated readings under the contract that ships."""

from pathlib import Path

import pytest

from sensor_platform.contracts.library.shipped import shipped_names
from sensor_platform_tests.field.examples import PAGE, examples
from sensor_platform_tests.field.judge import under_contract, without_contract
from sensor_platform_tests.field.shapes import all_shapes

SHAPES = all_shapes()


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_read_right_by_its_contract(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    found = under_contract(shape, tmp_path / "site")
    expected = "right" if any(each.readings for each in shape.messages) else "refused"
    assert (found.word, found.faults) == (expected, [])


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_without_a_contract_is_right_or_refused_or_known_to_be_wrong(name: str, tmp_path: Path) -> None:
    shape = SHAPES[name]
    found = without_contract(shape, tmp_path / "site")
    assert (found.word == "wrong") == bool(shape.known_wrong), found.faults


def test_every_name_of_the_library_has_shapes() -> None:
    assert {name for shape in SHAPES.values() for name in shape.use} == set(shipped_names())


def test_the_page_has_the_examples_of_the_corpus() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.endswith(examples()), "run: python -m sensor_platform_tests.field.examples"
    assert all(f"| `{name}` |" in text for name in shipped_names())
