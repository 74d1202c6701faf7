"""No value of a message disappears, numbers keep their digits, and different devices or series never share one.

The expected values are taken from the payload by the standard library's own readers, never by ours.
"""

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform.reading.model import Envelope, Reading, Rejected
from sensor_platform_tests.reading.conftest import LIMITS, NOW
from sensor_platform_tests.reading.single_message import decode_message

KEYS = st.sampled_from(["id", "device_id", "Device_ID", "ts", "time", "seq", "message_id", "metric", "value", "unit",
                        "quality", "samples", "a", "b", "a.b", "a.b.c", "A", ""])  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-(2**80), 2**80),
    st.integers(1_735_000_000, 1_736_000_000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([2**53 + 1, 2**63, 2**64 + 1, 89314404000123456781, 0.1, 1e300]),
)
WORDS = st.text("ab/%=.\\ 01", min_size=1, max_size=6).filter(str.strip)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS)
OBJECTS = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=6),
    lambda inner: st.dictionaries(KEYS, st.one_of(LEAVES, inner, st.lists(st.one_of(inner, LEAVES), max_size=3))),
    max_leaves=8,
)


def decode(payload: bytes, *, topic: str = "hall/dev", **contract: Any) -> list[Reading | Rejected]:
    made = Contract(name="c", topic="#", **contract)
    return decode_message((made,), Envelope(topic, payload, NOW, "s", 0), LIMITS)


def leaves(content: Any) -> list[Any]:
    """Every value that is not null, however deep."""
    if isinstance(content, dict):
        return [leaf for value in content.values() for leaf in leaves(value)]
    if isinstance(content, list):
        return [leaf for value in content for leaf in leaves(value)]
    return [] if content is None else [content]


def is_told(leaf: Any, found: list[Reading | Rejected]) -> bool:
    """Whether a value is in a reading: as its value, text, tag, name, id, unit, quality, or as its time."""
    for each in found:
        if not isinstance(each, Reading):
            continue
        texts = {each.text, each.device_id, each.metric, each.message_id, each.unit, each.quality, *each.tags.values()}
        if isinstance(leaf, str):
            if leaf in texts:
                return True
        elif isinstance(leaf, bool):
            if each.value == leaf or str(leaf).lower() in texts or (each.quality or "") in {"good", "bad"}:
                return True
        elif (
            each.value == float(leaf) or str(leaf) in texts or repr(leaf) in texts or f"{leaf + 0:.0f}" in texts
        ):  # an id -0.0 is 0
            return True
        if each.is_device_time and not isinstance(leaf, str | bool) and 1_735_000_000 <= leaf <= 1_736_000_000:
            return True
        if each.message_id and each.message_id.partition("#")[0] == str(leaf):
            return True
    return False


@pytest.mark.parametrize("field", ["id", "seq", "device_id"])
def test_an_array_where_a_text_describes_the_message_is_refused_alone(field: str) -> None:
    (read, refused) = decode(json.dumps({field: [1], "a": 2}).encode())
    assert isinstance(read, Reading)
    assert isinstance(refused, Rejected)
    assert (read.metric, read.value, refused.rule) == ("a", 2.0, "nested_value")


@settings(max_examples=600, deadline=None)
@given(OBJECTS)
def test_no_value_of_json_disappears(content: dict[str, Any]) -> None:
    found = decode(json.dumps(content).encode())
    if any(isinstance(each, Rejected) for each in found):
        return  # something of it is refused, and the bytes are kept
    lost = [leaf for leaf in leaves(content) if not is_told(leaf, found)]
    assert lost == []


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), NUMBERS, min_size=1))
def test_numbers_of_json_keep_their_digits(content: dict[str, float]) -> None:
    found = [each for each in decode(json.dumps(content).encode()) if isinstance(each, Reading)]
    assert {each.metric for each in found} == set(content)
    for each in found:
        sent = content[each.metric]
        assert each.value == float(sent)
        digits = each.text or str(int(each.value or 0))
        assert type(sent) is float or int(digits) == sent


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 2**80), WORDS), min_size=2, max_size=5, unique_by=str))
def test_different_ids_of_json_are_different_devices(ids: list[Any]) -> None:
    found = decode(json.dumps([{"device_id": each, "t": 1} for each in ids]).encode())
    devices = [each.device_id for each in found if isinstance(each, Reading)]
    assert len(set(devices)) == len(devices)
    assert set(devices) <= {str(each) for each in ids}
    assert len(devices) == len(ids) or any(isinstance(each, Rejected) for each in found)


def escaped(text: str) -> str:
    for character in (",", "=", " "):
        text = text.replace(character, f"\\{character}")
    return text


NAMES = st.text('ab/%= ,"0', min_size=1, max_size=4).filter(lambda text: text.strip() == text)
FIELDS = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
LINES = st.lists(
    st.tuples(NAMES, st.dictionaries(NAMES, NAMES, max_size=2), st.dictionaries(NAMES, FIELDS, min_size=1, max_size=3)),
    min_size=1,
    max_size=5,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(LINES)
def test_line_protocol_keeps_every_field_and_every_series_apart(lines: list[tuple[str, Any, Any]]) -> None:
    texts, expected = [], set()
    for measurement, tags, fields in lines:
        assume(not measurement.startswith("#"))
        head = ",".join([escaped(measurement), *(f"{escaped(k)}={escaped(v)}" for k, v in tags.items())])
        body = ",".join(
            f"{escaped(k)}={v}i" if isinstance(v, int) else f"{escaped(k)}={v!r}" for k, v in fields.items()
        )
        texts.append(f"{head} {body}")
        expected |= {(measurement, tuple(sorted(tags.items())), k, float(v)) for k, v in fields.items()}
    found = decode("\n".join(texts).encode(), encoding="influx", device=ValueSource(constant="d"), series="auto")
    readings = [each for each in found if isinstance(each, Reading)]
    if any(isinstance(each, Rejected) for each in found):
        return
    assert len(readings) == sum(len(fields) for _, _, fields in lines)
    assert {each[3] for each in expected} == {each.value for each in readings}
    series = {each[:3] for each in expected}
    assert len({each.metric for each in readings}) == len(series)


CELLS = st.one_of(st.integers(-(2**80), 2**80).map(str), st.decimals(-1000, 1000, places=3).map(str), WORDS)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(WORDS.map(str.strip), CELLS, CELLS), min_size=1, max_size=4, unique_by=lambda row: row[0]))
def test_cells_of_csv_are_kept_and_devices_stay_apart(rows: list[tuple[str, str, str]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([("device_id", "a", "b"), *rows])
    found = decode(out.getvalue().encode(), encoding="csv")
    readings = [each for each in found if isinstance(each, Reading)]
    if any(isinstance(each, Rejected) for each in found):
        return
    assert {each.device_id for each in readings} == {row[0] for row in rows}
    told = {(each.device_id, each.metric): each for each in readings}
    for device, *cells in rows:
        for metric, cell in zip("ab", cells, strict=True):
            each = told[device, metric]
            is_kept = each.text is not None and each.text.strip() == cell.strip()
            assert is_kept or Decimal(cell.strip()) in {Decimal(each.value or 0), Decimal(repr(each.value))}
