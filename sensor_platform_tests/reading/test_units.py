"""Units: values are converted to what the contract keeps, the original unit stays visible, nothing is dropped."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.reading.contract import Contract
from sensor_platform.reading.model import Reading
from sensor_platform.reading.units import conversion, is_unit


@pytest.mark.parametrize(
    ("unit", "to", "value", "expected"),
    [
        ("degF", "degC", 212.0, 100.0),
        ("°F", "C", 32.0, 0.0),
        ("K", "°C", 273.15, 0.0),
        ("kPa", "bar", 250.0, 2.5),
        ("psi", "bar", 14.5037737730, 1.0),
        ("mm/s", "m/s", 5.0, 0.005),
        ("m3/h", "l/s", 3.6, 1.0),
        ("µg/m³", "mg/m3", 1000.0, 1.0),
        ("%", "percent", 5.0, 5.0),
        ("kWh", "J", 1.0, 3.6e6),
        ("rpm", "Hz", 60.0, 1.0),
        ("Hz", "rpm", 2.0, 120.0),
        ("rad/s", "Hz", 2 * math.pi, 1.0),
        ("Hz", "rad/s", 1.0, 2 * math.pi),
        ("deg/s", "Hz", 720.0, 2.0),
        ("rpm", "rad/s", 60.0, 2 * math.pi),
        ("rpm", "rps", 60.0, 1.0),
        ("kHz", "Hz", 1.0, 1000.0),
        ("deg", "rad", 180.0, math.pi),
    ],
)
def test_values_are_converted(unit: str, to: str, value: float, expected: float) -> None:
    found = conversion(unit, to)
    assert found is not None
    assert value * found.gain + found.offset == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("unit", "to"),
    [("bar", "degC"), ("furlongs per", "m"), ("", "m"), ("m", ""), ("1", "m"), ("dBm", "W"), ("9**9**9**9", "m"),
     ("m**9**9**9**9", "m"), ("x" * 50, "m"), ("__import__", "m"), ("m;m", "m"), ("99999m", "m"), ("((((", "m"),
     ("rad", "%"), ("N*m/rad", "N*m"), ("lm", "cd")],
)  # fmt: skip
def test_what_cannot_be_converted_is_none(unit: str, to: str) -> None:
    assert conversion(unit, to) is None


@given(st.text(max_size=12) | st.text("mskgAKCF/*^()-+.0123456789 °%²³", max_size=12))
def test_no_text_of_a_unit_raises(text: str) -> None:
    found = conversion(text, "m")
    assert found is None or found.gain
    assert is_unit(text) in {True, False}


def told(found: list[Any]) -> list[tuple[Any, ...]]:
    assert all(isinstance(item, Reading) for item in found)
    return [(r.metric, r.value, r.unit, r.quality, r.tags) for r in found]


def test_long_messages_are_kept_in_the_contract_s_unit(decode: Any) -> None:
    units = {"temperature": "degC", "pressure": "bar"}
    rows = [
        {"id": 1, "metric": "temperature", "value": 212, "unit": "degF"},
        {"id": 2, "metric": "temperature", "value": 20, "unit": "°C"},
        {"id": 3, "metric": "temperature", "value": 21},
        {"id": 4, "metric": "pressure", "value": 3, "unit": "wishes"},
        {"id": 5, "metric": "flow", "value": 4, "unit": "l/s"},
    ]
    assert told(decode(rows, units=units)) == [
        ("temperature", pytest.approx(100.0), "degC", None, {"original_unit": "degF"}),
        ("temperature", 20.0, "degC", None, {}),
        ("temperature", 21.0, None, None, {}),
        ("pressure", 3.0, "wishes", "uncertain", {"original_unit": "wishes"}),
        ("flow", 4.0, "l/s", None, {}),
    ]


def test_a_wide_message_s_unit_is_that_of_its_metrics(decode: Any) -> None:
    found = told(decode({"id": 1, "a": 1, "b": 2, "unit": "kPa"}, units={"a": "bar"}))
    assert found == [
        ("a", 0.01, "bar", None, {"original_unit": "kPa"}),
        ("b", 2.0, "kPa", None, {"original_unit": "kPa"}),
    ]


def test_a_contract_with_a_unit_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="'wishes' of 'a' is not a known unit"):
        Contract(name="x", topic="#", units={"a": "wishes"})
