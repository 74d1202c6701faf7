"""What tells series of one device apart, and names that are made of several parts."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform.reading.model import Envelope, Reading
from sensor_platform.reading.template import parse_template
from sensor_platform_tests.reading.conftest import LIMITS, NOW
from sensor_platform_tests.reading.single_message import decode_message

HOST = ValueSource(field=("tags.host",))
LINES = b"mem,host=a used=1\ncpu,host=a,cpu=cpu0 idle=2\ncpu,host=a,cpu=cpu1 idle=3\nt,host=a,room=x value=4"


def metrics(payload: bytes, topic: str = "x/dev", **contract: Any) -> dict[str, float | None]:
    """Metric to value of one message."""
    made = Contract(name="c", topic="#", **contract)
    found = decode_message((made,), Envelope(topic, payload, NOW, "s", 0), LIMITS)
    return {item.metric: item.value for item in found if isinstance(item, Reading)}


def test_series_of_line_protocol_are_measurement_and_tags() -> None:
    assert set(metrics(LINES, encoding="influx", device=HOST)) == {"used", "idle", "t"}
    assert metrics(LINES, encoding="influx", device=HOST, series="auto") == {
        "mem/used": 1.0,
        "cpu/cpu=cpu0/idle": 2.0,
        "cpu/cpu=cpu1/idle": 3.0,
        "t/room=x": 4.0,
    }


def test_a_contract_names_what_is_part_of_the_series() -> None:
    named = metrics(LINES, encoding="influx", device=HOST, series=("measurement", "cpu"))
    assert named == {"mem/used": 1.0, "cpu/cpu0/idle": 2.0, "cpu/cpu1/idle": 3.0, "t/t": 4.0}
    described = {"room": ValueSource(field=("tags.room",)), "cpu": ValueSource(field=("tags.cpu",))}
    assert set(metrics(LINES, encoding="influx", device=HOST, series="auto", tags=described)) == {
        "mem/used",
        "cpu/idle",
        "t",
    }


def test_levels_fields_and_tags_of_json_are_part_of_the_series() -> None:
    tags = {"port": ValueSource(topic_level=-1)}
    found = metrics(b'{"ch":2,"w":7,"v":{"a":1}}', "d/sw:0", tags=tags, series=("port", "ch"))
    assert found == {"sw:0/2/w": 7.0, "sw:0/2/v.a": 1.0}
    assert metrics(b'{"metric":"w","value":7}', "d/sw:0", series=("{topic:1}",)) == {"sw:0/w": 7.0}


PARTS = st.none() | st.text("ab/%=", min_size=1, max_size=3)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(PARTS, PARTS, st.text("ab/%=", min_size=1, max_size=3)), min_size=2, max_size=8, unique=True))
def test_different_parts_never_give_one_name(series: list[tuple[str | None, str | None, str]]) -> None:
    import json

    records = [
        {"metric": metric, "value": 1} | {k: v for k, v in (("a", a), ("b", b)) if v is not None}
        for a, b, metric in series
    ]
    made = Contract(name="c", topic="#", series=("a", "b"))
    found = decode_message((made,), Envelope("d", json.dumps(records).encode(), NOW, "s", 0), LIMITS)
    assert len({item.metric for item in found if isinstance(item, Reading)}) == len(series)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(*[st.text("ab/-%", min_size=1, max_size=3)] * 3), min_size=2, max_size=8, unique=True))
def test_different_values_never_make_one_name_of_a_template(values: list[tuple[str, str, str]]) -> None:
    first, second, third = parse_template("{a}--{b}/{c}")
    names = [f"{first.quoted(a)}--{second.quoted(b)}/{third.quoted(c)}" for a, b, c in values]
    assert all(one != other for one, other in pairwise(sorted(names)))


@pytest.mark.parametrize(
    ("template", "message", "device"),
    [
        ("{topic:0}/{topic:-1}", b'{"t":1}', "hall/dev"),
        ("{model}/{id}/{channel|-}", b'{"model":"T","id":5,"t":1}', "T/5/-"),
        ("x-{id}", b'{"id":"7","t":1}', "x-7"),
        ("{model}/{id}", b'{"model":"T","t":1}', None),
    ],
)
def test_a_device_is_named_by_a_template(template: str, message: bytes, device: str | None) -> None:
    made = Contract(name="c", topic="#", device=ValueSource(template=template))
    found = decode_message((made,), Envelope("hall/x/dev", message, NOW, "s", 0), LIMITS)
    assert {item.device_id for item in found} == {device}


@pytest.mark.parametrize("template", ["", "plain", "{a}{b}", "{topic:x}/{a}", "{a}/{", "{a}/{b"])
def test_a_template_that_cannot_name_anything_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="template"):
        ValueSource(template=template)
