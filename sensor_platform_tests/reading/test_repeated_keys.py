"""Keys that an object has twice: the first value is read, and the others are refused by name."""

import gzip
import json
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.reading.batch import MessageBatch, TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.decode import Decoder
from sensor_platform.reading.model import Reading, Rejected
from sensor_platform_tests.reading.conftest import Decode

CASES: list[tuple[bytes, dict[str, Any]]] = [
    (b'{"t":1,"t":2}', {}),
    (b'{"t":1,"t" :2}', {}),
    (b'{"t": 1,\n "t"\n:\t2}', {}),
    (b'[{"t":1,"t":2}]', {}),
    (b'{"t":1,"t":NaN}', {}),
    (b'{"x":{"t":1,"t":2}}', {"root": "x"}),
    ('{"t":1,"t":2}'.encode("utf-16"), {}),
    (gzip.compress(mtime=0, data=b'{"t":1,"t":2}'), {"compression": "gzip"}),
    (b'"{\\"t\\":1,\\"t\\":2}"', {"encoding": "json_in_json"}),
    (b'{"t":1,"t":2}\n{"t":1}', {}),
]


@pytest.mark.parametrize(("payload", "contract"), CASES)
def test_the_first_of_two_values_of_a_key_is_read_and_the_second_refused(
    decode: Decode, payload: bytes, contract: dict[str, Any]
) -> None:
    found = decode(payload, **contract)
    assert {(each.metric, each.value) for each in found if isinstance(each, Reading)} == {("t", 1.0)}
    (refused,) = [each for each in found if isinstance(each, Rejected)]
    assert refused.rule == "same_name"
    assert "'t'" in refused.reason


def test_a_nested_object_is_asked_too(decode: Decode) -> None:
    found = decode(b'{"a":{"t":1,"t":2},"b":3}')
    assert {(each.metric, each.value) for each in found if isinstance(each, Reading)} == {("a.t", 1.0), ("b", 3.0)}
    assert [each.rule for each in found if isinstance(each, Rejected)] == ["same_name"]


def test_a_device_is_never_the_last_of_two(decode: Decode) -> None:
    found = decode(b'{"device_id":"a","device_id":"b","t":1}')
    assert [each.device_id for each in found if isinstance(each, Reading)] == ["a"]
    assert [each.rule for each in found if isinstance(each, Rejected)] == ["same_name"]


@pytest.mark.parametrize("payload", [
    b'{"t":1,"t":1}', b'{"t":1,"at":"2026-01-01T00:00:00Z"}', b'{"t":1,"text":"a\\":b"}',
    b'{"t":1,"o":{"a":{"b":[{"c":1}]}}}',
])  # fmt: skip
def test_what_is_told_once_is_not_refused_as_repeated(decode: Decode, payload: bytes) -> None:
    assert not [each for each in decode(payload) if isinstance(each, Rejected) and each.rule == "same_name"]


@pytest.mark.parametrize(
    ("payload", "encoding"),
    [
        (b"\xa2\x61t\x01\x61t\x02", "cbor"),
        (cbor2.dumps({1: 1, "1": 2}), "cbor"),
        (b"\x82\x01\x01\xa11\x02", "msgpack"),
        (b'[{"n":"a","v":1,"v":2}]', "senml"),
    ],
)
def test_maps_with_a_key_twice_are_refused_in_other_encodings(decode: Decode, payload: bytes, encoding: str) -> None:
    found = decode(payload, encoding=encoding)
    assert [each.rule for each in found if isinstance(each, Rejected)] == ["undecodable"]
    assert len(found) == 1


BLANKS = st.sampled_from(["", " ", "\n", "\t ", "\r\n"])
TEXTS = st.sampled_from(['"ok"', '"a\\":1"', '"a\\" :"', '" :"', '"\\n:"', '"12:30:00"', '":"'])
SCALARS = st.sampled_from(["1", "2.5", "true"]) | TEXTS


@st.composite
def objects(draw: st.DrawFn, depth: int = 2) -> str:
    """The text of an object that may have keys twice, at any depth."""
    values = SCALARS if depth == 0 else st.one_of(SCALARS, objects(depth - 1), objects(depth - 1).map("[{}]".format))
    pairs = draw(st.lists(st.tuples(st.sampled_from(["a", "b", "c:", "d"]), BLANKS, BLANKS, values), max_size=3))
    return "{" + ",".join(f'"{key}"{before}:{after}{value}' for key, before, after, value in pairs) + "}"


def _has_two_values(text: str) -> bool:
    twice: list[str] = []

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        first: dict[str, Any] = {}
        for key, value in pairs:
            if json.dumps(first.setdefault(key, value)) != json.dumps(value):
                twice.append(key)
        return first

    json.loads(text, object_pairs_hook=made)
    return bool(twice)


@settings(max_examples=60)
@given(texts=st.lists(objects(), min_size=1, max_size=4))
def test_in_a_batch_exactly_the_messages_with_two_values_of_a_key_are_named(texts: list[str]) -> None:
    batch = MessageBatch(["sensors/x"] * len(texts), [text.encode() for text in texts], [10**15] * len(texts))
    out = Decoder((DEFAULT_CONTRACT,), TimeLimits(0, 10**10)).decode(batch)
    told = {index for index, why in out.rejected if "two values of one key" in why.reason}
    assert told == {index for index, text in enumerate(texts) if _has_two_values(text)}
