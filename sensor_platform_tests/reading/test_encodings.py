"""Every encoding says the same as JSON would, takes its own round trips, and answers any bytes with a reason."""

import csv
import io
import json
import math
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensor_platform.reading.batch import MessageBatch
from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform.reading.decode import Decoder
from sensor_platform.reading.encodings import ENCODINGS, PayloadDecoder, UndecodableError, decoder_for
from sensor_platform.reading.encodings.decoders import EXACT_TIME
from sensor_platform.reading.encodings.delimited import CsvForm
from sensor_platform.reading.encodings.influx import InfluxForm
from sensor_platform.reading.model import Reading, Rejected
from sensor_platform_tests.reading.conftest import LIMITS, NOW

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=20).filter(str.strip)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False, width=64)
TREES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
BYTES = st.binary(max_size=200)


def read(encoding: Any, payload: bytes, **more: Any) -> object:
    decoder = decoder_for(Contract(name="t", topic="#", encoding=encoding, **more))
    assert isinstance(decoder, PayloadDecoder)
    return decoder.careful(payload)


@pytest.mark.parametrize(("encoding", "encode"), [("msgpack", msgspec.msgpack.encode), ("cbor", cbor2.dumps)])
@given(tree=TREES)
def test_binary_encodings_give_back_what_json_can_say(encoding: str, encode: Any, tree: object) -> None:
    assert read(encoding, encode(tree)) == tree


@given(st.lists(st.lists(NUMBERS | CELLS, min_size=2, max_size=2), min_size=1, max_size=5))
def test_csv_gives_back_cells(rows: list[list[Any]]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    found = read("csv", out.getvalue().encode(), csv=CsvForm(columns=("a", "b")))
    assert repr(found) == repr([{"a": scalar(row[0]), "b": scalar(row[1])} for row in rows])  # NaN equals nothing
    assert read("csv", b"a,b\n" + out.getvalue().encode()) == found


def scalar(cell: object) -> object:
    """What a cell of a table without types is."""
    if not isinstance(cell, str):
        return cell
    for kind in (int, float):
        try:
            return kind(cell) if "_" not in cell else cell
        except ValueError:
            continue
    return {"true": True, "false": False}.get(cell.strip().lower(), cell)


def escape(name: str) -> str:
    return "".join(f"\\{c}" if c in ",= " else c for c in name)


INFLUX_LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"], exclude_characters='\\"#')
INFLUX_NAMES = st.text(INFLUX_LETTERS, min_size=1, max_size=8).map(lambda t: t + " ,=x")
INFLUX_VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(lambda n: (n, f"{n}i")),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda n: (n, repr(n))),
    st.booleans().map(lambda b: (b, str(b))),
    TEXTS.map(lambda t: t.replace("\r", "")).map(
        lambda t: (t, '"' + t.replace("\\", "\\\\").replace('"', '\\"') + '"')
    ),
)


@given(
    st.lists(
        st.tuples(
            INFLUX_NAMES,
            st.dictionaries(INFLUX_NAMES, INFLUX_NAMES, max_size=3),
            st.dictionaries(INFLUX_NAMES, INFLUX_VALUES, min_size=2, max_size=4),
            st.none() | st.integers(-(10**18), 2 * 10**18),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_influx_lines_give_back_tags_fields_and_time(records: list[tuple[str, Any, Any, int | None]]) -> None:
    lines, expected = [], []
    for measurement, tags, fields, at in records:
        head = ",".join([escape(measurement), *(f"{escape(k)}={escape(v)}" for k, v in tags.items())])
        body = ",".join(f"{escape(key)}={text}" for key, (_, text) in fields.items())
        lines.append(f"{head} {body}" + ("" if at is None else f" {at}"))
        record: dict[str, object] = {"tags.measurement": measurement} | {f"tags.{k}": v for k, v in tags.items()}
        record |= {key: value for key, (value, _) in fields.items()}
        expected.append(record if at is None else record | {EXACT_TIME: at // 1000})
    assert read("influx", ("# comment\n\n" + "\n".join(lines) + "\n").encode()) == expected


@pytest.mark.parametrize(
    ("precision", "time"), [("s", "1772366400"), ("ms", "1772366400000"), ("us", "1772366400000000")]
)
def test_influx_readings_have_tags_and_a_value_named_after_its_measurement(
    decode: Any, precision: Any, time: str
) -> None:
    payload = f'temperature,room=a\\ b,rack=7 value=21.5 {time}\npower,room=c u=1i,on=t,note="x, y" {time}'.encode()
    found = decode(
        payload, encoding="influx", influx=InfluxForm(precision=precision), device=ValueSource(field=("tags.room",))
    )
    assert all(isinstance(reading, Reading) and reading.event_at == NOW and reading.is_device_time for reading in found)
    assert [(r.device_id, r.metric, r.value, r.text, r.tags) for r in found] == [
        ("a b", "temperature", 21.5, None, {"measurement": "temperature", "room": "a b", "rack": "7"}),
        ("c", "note", None, "x, y", {"measurement": "power", "room": "c"}),
        ("c", "on", 1.0, None, {"measurement": "power", "room": "c"}),
        ("c", "u", 1.0, None, {"measurement": "power", "room": "c"}),
    ]


@pytest.mark.parametrize(
    ("payload", "value", "text", "unit"),
    [
        (b"23.4", 23.4, None, None),
        (b" -7 \n", -7.0, None, None),
        (b"true", 1.0, None, None),
        (b"ON", 1.0, "ON", None),
        (b"standby", None, "standby", None),
        ("23.4 °C".encode(), 23.4, None, "°C"),
        (b"\xef\xbb\xbf1e3", 1000.0, None, None),
        (b"1_000", None, "1_000", None),
    ],
)
def test_plain_payloads_have_everything_else_in_the_topic(
    decode: Any, payload: bytes, value: float | None, text: str | None, unit: str | None
) -> None:
    (reading,) = decode(
        payload,
        topic="home/kitchen/state",
        encoding="plain",
        device=ValueSource(topic_level=1),
        metric=ValueSource(topic_level=-1),
        values={"state": {"on": 1, "off": 0}},
    )
    assert isinstance(reading, Reading)
    assert (reading.device_id, reading.metric) == ("kitchen", "state")
    assert (reading.value, reading.text, reading.unit) == (value, text, unit)


def test_texts_with_a_meaning_are_numbers_and_keep_their_text(decode: Any) -> None:
    meaning = {"door": {"open": 1, "Closed": 0}, "mode": {"auto": 2}}
    wide = decode({"id": "a", "door": "CLOSED", "mode": "odd", "t": 3}, values=meaning)
    assert [(r.metric, r.value, r.text) for r in wide] == [
        ("door", 0.0, "CLOSED"),
        ("mode", None, "odd"),
        ("t", 3.0, None),
    ]
    long = [{"id": "a", "metric": "door", "value": "open"}, {"id": "a", "metric": "t", "value": "open"}]
    found = [(r.metric, r.value, r.text) for r in decode(long, values=meaning)]
    assert found == [("door", 1.0, "open"), ("t", None, "open")]
    strict = decode({"id": "a", "door": "ajar", "mode": "auto"}, values=meaning, strings="number")
    assert [r.rule if isinstance(r, Rejected) else r.value for r in strict] == [2.0, "not_a_number"]


def test_members_of_an_object_of_tags_are_tags(decode: Any) -> None:
    telegraf = {"fields": {"t": 1}, "name": "m", "tags": {"host": "h", "rack_no": 7}, "timestamp": 1772366400}
    (reading,) = decode(telegraf, device=ValueSource(field=("tags.host",)), tags_in="tags", ignore=("name",))
    assert isinstance(reading, Reading)
    assert (reading.device_id, reading.metric, reading.tags) == ("h", "fields.t", {"host": "h", "rack_no": "7"})
    samples = {"tags": {"host": "h"}, "samples": [{"t": 1}, {"t": 2}]}
    found = decode(samples, device=ValueSource(field=("tags.host",)), tags_in="tags")
    assert [(r.device_id, r.tags) for r in found] == [("h", {"host": "h"})] * 2


LONG = b"\xff\xff\xff\xff"
HOSTILE: dict[str, list[bytes]] = {
    "json": [b"[" * 100_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b'{"a":"\\ud800"}', b"\xff\xfe", b"", b'{"a":1'],
    "json_in_json": [b'"' + b"[" * 9_000 + b'"', b'"{"', b'""'],
    "msgpack": [
        b"\x91" * 100_000 + b"\x00", b"\x81\xa1a" * 50_000, b"\xdd" + LONG, b"\xdb" + LONG + b"x", b"\xdf" + LONG,
        b"\xc6" + LONG, b"\xc9" + LONG + b"\x01", b"\xc1", b"\x82\xa1a\x01", b"", b"\x01\x01", b"\xa1\xff",
        b"\xc7\x0c\xff" + b"\xff" * 12,
    ],
    "cbor": [
        b"\x81" * 100_000 + b"\x00", b"\x9b" + LONG * 2,
        b"\x7b" + LONG * 2 + b"x", b"\x5b\x00\x00\x00" + LONG + b"\xff",
        b"\xbb" + LONG * 2, b"\x9f" * 50_000, b"\xc5\x82\x1b\x7f" + b"\xff" * 7 + b"\x03", b"\xd8\x1c\x81\xd8\x1d\x00",
        b"\xd9\x01\x00\x82\x61a\xd8\x19\x00",
        b"\xc1\xfb\x7f\xf0" + bytes(6), b"\xa1\x01", b"", b"\x01\x01", b"\x61\xff",
        b"\x81" + b"\xd8\x1c" * 30 + b"\x80", b"\xa1\x81\x81\x01\x02\x03", b"\xff",
    ],
    "influx": [
        b"", b"#\n#", b"m", b"m ", b"m f", b"m f=", b"m =1", b",t=1 f=1", b"m,t f=1", b'm f="open', b"m f=1 soon",
        b"m f=1 2 3", b"m f=1e", b"m f=i", b"m f=1_0", b"\xff f=1", b"m f=1 " + b"9" * 30, b"m " + b"\\" * 100_000,
        b'm f=' + b'"' * 99_999, b"m f=9" + b"9" * 9_000 + b"i", b"m," * 50_000,
    ],
    "csv": [
        b"", b"\n\n", b"a,a\n1,2", b"a\n1,2", b'a\n"open', b"\xff\n1", b",\n1,2", b'a\n"x"y', b"a\n" + b"x" * 200_000,
    ],
    "plain": [b"", b"  ", b"\xff", b"\0"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("encoding", "payload"), [(e, p) for e, some in HOSTILE.items() for p in some], ids=lambda v: str(v)[:24]
)
def test_hostile_payloads_become_quarantine_rows_with_a_hint(decode: Any, encoding: Any, payload: bytes) -> None:
    found = decode(payload, encoding=encoding)
    assert [item.rule for item in found] == ["undecodable"]
    assert found[0].hint
    assert found[0].reason


@pytest.mark.parametrize("encoding", list(ENCODINGS))
@settings(max_examples=150, deadline=None)
@given(payload=BYTES | TEXTS.map(str.encode) | TREES.map(cbor2.dumps) | TREES.map(msgspec.msgpack.encode))
@example(payload=b"\xc1\x1b\x7f\xff\xff\xff\xff\xff\xff\xff")
@example(payload=b"\xd8\x1e\x82\x01\x00")
@example(payload=b"\xc4\x82\x1a\x7f\xff\xff\xff\x01")
def test_any_bytes_become_readings_or_reasons(encoding: Any, payload: bytes) -> None:
    contract = Contract(name="t", topic="#", encoding=encoding)
    out = Decoder([contract], LIMITS).decode(MessageBatch(["spBv1.0/g/NDATA/n"], [payload], [1_772_366_400_000_000]))
    assert out.has_reading[0] or out.rejected
    for block in out.blocks:
        assert block.value is None or all(map(math.isfinite, block.value))


@pytest.mark.parametrize("encoding", ["msgpack", "cbor"])
@given(tree=st.dictionaries(TEXTS, TREES, min_size=1, max_size=4), data=st.data())
def test_truncated_messages_are_undecodable(encoding: str, tree: Any, data: Any) -> None:
    whole = (msgspec.msgpack.encode if encoding == "msgpack" else cbor2.dumps)(tree)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(UndecodableError):
        read(encoding, whole[:cut])


def test_what_json_lacks_becomes_text_or_numbers() -> None:
    from datetime import UTC, datetime
    from decimal import Decimal

    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    found = read("cbor", cbor2.dumps({1: at, b"k": b"\xff", "d": Decimal("1.5"), "u": cbor2.undefined, "t": (1, 2)}))
    assert found == {"1": "2026-03-01T12:00:00+00:00", "k": "ff", "d": 1.5, "u": None, "t": [1, 2]}
    assert read("msgpack", msgspec.msgpack.encode({"at": at, "raw": b"ok"})) == {"at": at.isoformat(), "raw": "ok"}


def test_a_json_number_in_every_encoding_lands_alike(decode: Any) -> None:
    content = {"device_id": "a", "t": 21.5, "ok": True, "state": "on", "n": None, "ts": 1772366400}
    as_json = decode(content)
    assert [item.value for item in as_json if isinstance(item, Reading)] == [1.0, None, 21.5]
    assert decode(msgspec.msgpack.encode(content), encoding="msgpack") == as_json
    assert decode(cbor2.dumps(content), encoding="cbor") == as_json
    assert decode(json.dumps(json.dumps(content)).encode(), encoding="json_in_json") == as_json
    table = ",".join(content) + "\na,21.5,true,on,,1772366400\n"
    assert decode(table.encode(), encoding="csv") == as_json
