"""MessagePack and CBOR."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import cbor2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.reading.encodings import UndecodableError
from sensor_platform.reading.encodings.binary import from_cbor, from_msgpack

Read = Callable[[bytes], object]
Write = Callable[[object], bytes]
READERS = [
    pytest.param(from_msgpack, msgspec.msgpack.encode, id="msgpack"),
    pytest.param(from_cbor, cbor2.dumps, id="cbor"),
]

documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(("read", "write"), READERS)
@settings(max_examples=30, deadline=None)
@given(document=documents)
def test_what_json_has_is_read_as_it_is(read: Read, write: Write, document: object) -> None:
    assert read(write(document)) == document


@pytest.mark.parametrize(("read", "write"), READERS)
@pytest.mark.parametrize(
    ("value", "found"),
    [(b"text", "text"), (b"\xff\x00", "ff00"), ({7: 1}, {"7": 1}), ({b"k": 1}, {"k": 1})],
)
def test_what_json_lacks_becomes_text(read: Read, write: Write, value: object, found: object) -> None:
    assert read(write(value)) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00+00:00"),
        (Decimal("1.5"), 1.5),
        (cbor2.undefined, None),
        (cbor2.CBORTag(4000, "inside"), "inside"),
    ],
)
def test_types_of_cbor_become_numbers_and_text(value: object, found: object) -> None:
    assert from_cbor(cbor2.dumps({"v": value})) == {"v": found}


@pytest.mark.parametrize(
    ("read", "payload", "reason"),
    [
        (from_msgpack, b"", "empty"),
        (from_cbor, b"", "empty"),
        (from_msgpack, b"\x82\x01", "not MessagePack"),
        (from_msgpack, b"\x01\x02", "not MessagePack"),
        (from_cbor, b"\xa2\x01", "not CBOR"),
        (from_cbor, b"\x01\x02", "1 bytes follow"),
        (from_cbor, cbor2.dumps(cbor2.CBORTag(28, [1])), "not CBOR"),
        (from_cbor, b"\x81" * 5_000 + b"\x01", "not CBOR"),
        (from_msgpack, b"\x91" * 100_000 + b"\x01", "not MessagePack"),
    ],
)
def test_anything_else_is_refused_with_the_reason(read: Read, payload: bytes, reason: str) -> None:
    with pytest.raises(UndecodableError, match=reason):
        read(payload)


def test_a_cbor_item_that_shares_parts_of_itself_is_refused_with_that_reason() -> None:
    part = [1]
    with pytest.raises(UndecodableError, match="not CBOR that we read: it shares parts of itself"):
        from_cbor(cbor2.dumps([part, part], value_sharing=True))
