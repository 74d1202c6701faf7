"""JSON, and JSON in a JSON string."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.reading.encodings import UndecodableError
from sensor_platform.reading.encodings.decoders import BadRecord, Records
from sensor_platform.reading.encodings.json_text import from_json, from_json_in_json

documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(lambda document: "\\ud" not in json.dumps(document))


@settings(max_examples=30, deadline=None)
@given(documents)
def test_what_is_written_as_json_is_read(document: object) -> None:
    payload = json.dumps(document).encode()
    assert from_json(payload) == document
    if not isinstance(document, str):
        assert from_json_in_json(json.dumps(payload.decode()).encode()) == document


def test_a_wrapped_document_is_opened_once() -> None:
    twice = json.dumps(json.dumps(json.dumps({"t": 1})))
    assert from_json_in_json(twice.encode()) == json.dumps({"t": 1})
    assert from_json_in_json(b'{"t": 1}') == {"t": 1}


def test_tokens_that_json_lacks_are_floats_that_spoil_one_value() -> None:
    content = from_json(b'{"t": 1, "bad": NaN, "far": -Infinity}')
    assert isinstance(content, dict)
    assert content["t"] == 1
    assert math.isnan(content["bad"])
    assert content["far"] == -math.inf


def test_a_byte_order_mark_is_passed_over() -> None:
    assert from_json(b'\xef\xbb\xbf{"t": 1}') == {"t": 1}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "the payload is empty"),
        (b"{", "not JSON"),
        (b"{'t': 1}", "not JSON"),
        (b'{"t": 1} x', "not JSON"),
        (b"\xff", "not UTF-8 text"),
        (b'"\\ud800"', "lone surrogate"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_anything_else_is_refused_with_the_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(UndecodableError, match=reason):
        from_json(payload)


@pytest.mark.parametrize(
    "payload", [b'{"t":1}\0', b'\0{"t":1}', b'{"t":1}\n\0', b'\x1e{"t":1}\n', '{"t":1}'.encode("utf-16"), b'{"t":1,}']
)
def test_what_stands_around_a_document_is_no_content(payload: bytes) -> None:
    assert from_json(payload) == {"t": 1}


@pytest.mark.parametrize("token", ["nan", "NAN", "-nan", "inf", "-Infinity"])
def test_tokens_that_are_no_number_are_floats_that_spoil_one_reading(token: str) -> None:
    found = from_json(f'{{"t":{token},"s":"nan, ]","h":1}}'.encode())
    assert isinstance(found, dict)
    assert not math.isfinite(found["t"])
    assert (found["s"], found["h"]) == ("nan, ]", 1)


def test_several_documents_are_records_and_a_bad_line_is_refused_alone() -> None:
    found = from_json(b'{"t":1}\n\n[{"t":2},{"t":3}]\r\n{"t":\n5\n')
    assert isinstance(found, Records)
    assert [record["t"] for record in found if isinstance(record, dict)] == [1, 2, 3]
    assert [record.reason.partition(":")[0] for record in found if isinstance(record, BadRecord)] == [
        "line 4",
        "line 5",
    ]


@pytest.mark.parametrize("payload", [b'{"t":1}{"t":2}', b"{\n1\n}", b"1\n2\n", b'{"t"\0:1}', b'{"t":1}\0{"t":2}'])
def test_what_is_not_lines_of_json_is_refused(payload: bytes) -> None:
    with pytest.raises(UndecodableError):
        from_json(payload)
