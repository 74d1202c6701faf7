"""Name, unit, quality and value of single Sparkplug B metrics."""

from typing import Any

import pytest

from sensor_platform.reading.sparkplug.metric_fields import flat_metrics, quality_of, unit_of, value_of
from sensor_platform.reading.sparkplug.protobuf_schema import Payload

INT32, BOOLEAN, STRING = 3, 11, 12


def metric(**fields: Any) -> Any:
    return Payload().metrics.add(**fields)


def with_property(key: str, **value: Any) -> Any:
    found = metric(name="t")
    found.properties.keys.append(key)
    found.properties.values.add(**value)
    return found


@pytest.mark.parametrize("key", ["engUnit", "Unit", "engineering_units", "Engineering Units"])
def test_a_unit_is_found_by_its_usual_names(key: str) -> None:
    assert unit_of(with_property(key, string_value="bar")) == "bar"
    assert unit_of(with_property("color", string_value="bar")) is None


@pytest.mark.parametrize(("code", "word"), [(0, "bad"), (192, "good"), (500, "uncertain"), (7, None)])
def test_quality_codes_are_our_words(code: int, word: str | None) -> None:
    assert quality_of(with_property("Quality", int_value=code)) == word


@pytest.mark.parametrize(
    ("fields", "datatype", "value"),
    [
        ({"int_value": 2**32 - 7}, INT32, -7),
        ({"double_value": 2.5}, 10, 2.5),
        ({"boolean_value": True}, BOOLEAN, True),
        ({"string_value": "on"}, STRING, "on"),
        ({"bytes_value": b"x"}, 17, []),
        ({}, INT32, []),
    ],
)
def test_values_are_numbers_texts_or_booleans(fields: dict[str, Any], datatype: int, value: object) -> None:
    assert value_of(metric(name="m", **fields), datatype) == value


def test_members_of_a_template_have_its_name_as_a_prefix() -> None:
    outer = metric(name="pump")
    outer.template_value.metrics.add(name="speed", int_value=5)
    assert [name for name, _ in flat_metrics([outer, metric(name="t", int_value=1)], "")] == ["pump/speed", "t"]
