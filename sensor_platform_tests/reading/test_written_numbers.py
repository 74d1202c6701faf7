"""Numbers that are written as texts, and values that stand for none."""

import json
from typing import Any

import pytest

from sensor_platform.reading.contract import Contract
from sensor_platform.reading.doubtful import Doubtful, doubtful
from sensor_platform.reading.forms import NumberForm
from sensor_platform.reading.model import Envelope, Reading, Rejected
from sensor_platform.reading.written_numbers import is_sentinel, read_number
from sensor_platform_tests.reading.conftest import LIMITS, NOW
from sensor_platform_tests.reading.single_message import decode_message

GERMAN = NumberForm(decimal=",", thousands=".")
FRENCH = NumberForm(decimal=",", thousands=" ")


@pytest.mark.parametrize(
    ("text", "form", "number"),
    [
        ("1.234,5", GERMAN, (1234.5, None)),
        ("-22,1 kWh", GERMAN, (-22.1, "kWh")),
        ("85%", GERMAN, (85.0, "%")),
        ("21,5°C", GERMAN, (21.5, "°C")),
        ("16 829", FRENCH, (16829.0, None)),
        ("16\u202f829,25 m³", FRENCH, (16829.25, "m³")),
        ("1'000.5", NumberForm(thousands="'"), (1000.5, None)),
        ("1e3", NumberForm(), (1000.0, None)),
        ("1.2.3", GERMAN, None),
        ("12.34", GERMAN, None),
        ("1 00", FRENCH, None),
        ("5 kWh", NumberForm(unit=False), None),
        ("on", GERMAN, None),
        ("12:30", GERMAN, None),
        ("\u0661", GERMAN, None),
        ("", GERMAN, None),
    ],
)
def test_a_text_is_a_number_in_the_stated_form(text: str, form: NumberForm, number: object) -> None:
    assert read_number(text, form) == number


@pytest.mark.parametrize("text", ["22,1", "16 829", "1.234,5", "1,234", "85%", "85 %", "21.5°C", "1'000", "-3,5"])
def test_a_text_that_looks_like_a_number_is_doubtful(text: str) -> None:
    assert type(doubtful(text)) is Doubtful


@pytest.mark.parametrize("text", ["on", "12:30", "1.2.3", "192.168.1.1", "2024-12-31", "a,b", "v1,2", "x 1", 5, None])
def test_other_texts_are_not(text: object) -> None:
    assert doubtful(text) is text


@pytest.mark.parametrize(
    ("value", "sentinels", "is_it"),
    [
        (-9999, (-9999.0,), True),
        (-9999.0, (-9999.0,), True),
        ("-9999", (-9999.0,), True),
        ("N/A ", ("n/a",), True),
        (1, (True,), True),
        (True, (1.0,), False),
        (85, {"t": (85.0,)}, True),
        (85, {"h": (85.0,)}, False),
        (85, {"*": (85.0,)}, True),
        (None, ("n/a",), False),
        ([1], (1.0,), False),
    ],
)
def test_a_value_stands_for_none_where_the_contract_says_so(value: object, sentinels: Any, is_it: bool) -> None:
    assert is_sentinel(value, "t", sentinels) is is_it


def decode(payload: bytes, **contract: Any) -> list[Reading | Rejected]:
    made = Contract(name="c", topic="#", **contract)
    return decode_message((made,), Envelope("x/dev", payload, NOW, "s", 0), LIMITS)


def test_numbers_have_the_unit_behind_them_and_are_converted() -> None:
    payload = json.dumps({"t": "71,6 °F", "p": "1.000 hPa", "s": "on"}).encode()
    found = decode(payload, numbers=GERMAN, units={"t": "degC"})
    assert [(r.metric, r.value, r.text, r.unit) for r in found if isinstance(r, Reading)] == [
        ("p", 1000.0, None, "hPa"),
        ("s", None, "on", None),
        ("t", pytest.approx(22.0), None, "degC"),
    ]


def test_a_sentinel_is_no_reading_and_no_refusal() -> None:
    found = decode(b'{"t":-9999,"h":"n/a","x":1}', sentinels=(-9999.0, "n/a"))
    assert [(item.metric, getattr(item, "value", "refused")) for item in found] == [("x", 1.0)]
    found = decode(b'[{"metric":"t","value":-9999},{"metric":"h","value":4}]', sentinels={"t": (-9999.0,)})
    assert [(item.metric, getattr(item, "value", "refused")) for item in found] == [("h", 4.0)]


@pytest.mark.parametrize("encoding", ["plain", "csv"])
def test_a_doubtful_number_is_refused_until_the_contract_says_how_to_read_it(encoding: str) -> None:
    csv: Any = {"separator": ";"}
    import msgspec

    payload = b"22,1" if encoding == "plain" else b"value\n22,1\n"
    more: dict[str, Any] = {"encoding": encoding, "csv": csv, "metric": {"constant": "m"}, "device": {"constant": "d"}}

    def run(**keys: Any) -> list[Reading | Rejected]:
        made = msgspec.convert({"name": "c", "topic": "#", **more, **keys}, Contract)
        return decode_message((made,), Envelope("x/dev", payload, NOW, "s", 0), LIMITS)

    (refused,) = run()
    assert isinstance(refused, Rejected)
    assert (refused.rule, "`numbers`" in refused.hint) == ("not_a_number", True)
    assert [getattr(item, "value", None) for item in run(numbers={"decimal": ","})] == [22.1]
    assert [getattr(item, "text", None) for item in run(numbers="text")] == ["22,1"]
