"""Messages inside messages, elements of arrays, blocks of samples."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sensor_platform.reading.contract import Contract, TimeSource, ValueSource
from sensor_platform.reading.forms import BlockForm
from sensor_platform.reading.model import Envelope, Reading, Rejected
from sensor_platform_tests.reading.conftest import LIMITS, NOW
from sensor_platform_tests.reading.single_message import decode_message

AT = 1_772_366_000
START = datetime.fromtimestamp(AT, UTC)


def decode(message: Any, **contract: Any) -> tuple[list[Reading], list[Rejected]]:
    made = Contract(name="c", topic="#", **contract)
    found = decode_message((made,), Envelope("x/dev", json.dumps(message).encode(), NOW, "s", 0), LIMITS)
    return [r for r in found if isinstance(r, Reading)], [r for r in found if isinstance(r, Rejected)]


def values(found: list[Reading]) -> list[tuple[str, float | None]]:
    return [(each.metric, each.value) for each in found]


def test_the_root_is_the_message_and_what_the_contract_names_beside_it_is_read() -> None:
    message = {"ts": AT, "info": {"eui": "01", "x": 3}, "rx": [1], "object": {"t": {"a": 1}, "b": 2}}
    found, refused = decode(message, root="object", device=ValueSource(field=("info.eui",)))
    assert (values(found), refused) == ([("b", 2.0), ("t.a", 1.0)], [])
    assert {(each.device_id, each.event_at) for each in found} == {("01", START)}


def test_each_element_at_the_root_is_a_message() -> None:
    message = {"seq": 7, "data": {"list": [{"t": 1, "ts": AT}, {"t": 2, "ts": AT + 1}, 5]}}
    found, refused = decode(message, root="data.list")
    assert [(e.value, e.message_id, e.event_at) for e in found] == [
        (1.0, "7#0", START),
        (2.0, "7#1", START + timedelta(seconds=1)),
    ]
    assert [each.rule for each in refused] == ["not_an_object"]


def test_members_have_their_names_their_times_and_their_qualities() -> None:
    message = {"m": {"temp": {"v": 21, "ts": AT, "quality": "bad"}, "hum": {"v": 4, "ts": AT + 5}, "n": 5}}
    found, refused = decode(
        message, root="m.*", metric=ValueSource(field=("@name",)), value=ValueSource(field=("v", "value"))
    )
    assert [(e.metric, e.value, e.quality, e.is_device_time) for e in found] == [
        ("hum", 4.0, None, True),
        ("n", 5.0, None, False),
        ("temp", 21.0, "bad", True),
    ]
    assert refused == []


def test_a_message_without_its_root_is_refused() -> None:
    assert [each.rule for each in decode({"t": 1}, root="object")[1]] == ["no_root"]


def test_elements_are_fields_by_their_number() -> None:
    message = {"P": [12, 13], "rx": [{"rssi": -50}, {"rssi": -60}], "z": [1]}
    found, refused = decode(message, elements=("P",), rename={"rx.0.rssi": "rssi"})
    assert values(found) == [("P.0", 12.0), ("P.1", 13.0), ("rssi", -50.0), ("rx.1.rssi", -60.0)]
    assert [each.rule for each in refused] == ["nested_value"]
    assert values(decode(message, elements=("*",))[0])[-1] == ("z.0", 1.0)


@pytest.mark.parametrize(
    ("block", "more"),
    [
        (BlockForm(form="series", step=0.5), {"ts": AT, "a": [1, 2], "b": [3, 4]}),
        (BlockForm(form="series", step="dt", unit="ms"), {"ts": AT, "dt": 500, "a": [1, 2], "b": [3, 4]}),
        (BlockForm(form="series", rate="hz", values=("a", "b")), {"ts": AT, "hz": "2", "a": [1, 2], "b": [3, 4]}),
        (BlockForm(form="columns"), {"ts": [AT, AT + 0.5], "a": [1, 2], "b": [3, 4]}),
        (BlockForm(form="columns", times="when"), {"when": [AT, AT + 0.5], "a": [1, 2], "b": [3, 4]}),
        (BlockForm(form="pairs"), {"a": [[AT, 1], [AT + 0.5, 2]], "b": [[AT, 3], [AT + 0.5, 4]]}),
        (
            BlockForm(form="rows", values=("rows",), names="columns"),
            {"columns": ["ts", "a", "b"], "rows": [[AT, 1, 3], [AT + 0.5, 2, 4]]},
        ),
        (BlockForm(form="rows", values=("rows",), names=("ts", "a", "b")), {"rows": [[AT, 1, 3], [AT + 0.5, 2, 4]]}),
    ],
)
def test_a_block_is_many_samples(block: BlockForm, more: dict[str, Any]) -> None:
    found, refused = decode({"id": "d", "seq": 9, "bat": 7, **more}, block=block)
    later = START + timedelta(seconds=0.5)
    assert sorted((e.metric, e.event_at, e.value) for e in found if e.metric != "bat") == [
        ("a", START, 1.0),
        ("a", later, 2.0),
        ("b", START, 3.0),
        ("b", later, 4.0),
    ]
    assert [each.value for each in found if each.metric == "bat"] == [7.0]
    assert {each.device_id for each in found} == {"d"}
    assert refused == []


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (BlockForm(form="series", step=1), {"ts": AT, "a": [1, 2], "b": [3]}),
        (BlockForm(form="series", step=1), {"a": [1, 2]}),
        (BlockForm(form="series", step=1), {"ts": "soon", "a": [1, 2]}),
        (BlockForm(form="series", step="dt"), {"ts": AT, "a": [1, 2]}),
        (BlockForm(form="series", rate=0), {"ts": AT, "a": [1, 2]}),
        (BlockForm(form="columns"), {"ts": AT, "a": [1, 2]}),
        (BlockForm(form="columns"), {"ts": [AT], "a": [1, 2]}),
        (BlockForm(form="pairs"), {"a": [[AT, 1, 2]]}),
        (BlockForm(form="rows", values=("r",), names=("a", "b")), {"r": [[1]]}),
        (BlockForm(form="rows", values=("r",), names="names"), {"r": [[1]]}),
    ],
)
def test_a_block_that_is_built_otherwise_is_refused(block: BlockForm, message: dict[str, Any]) -> None:
    found, refused = decode(message, block=block)
    assert (found, [each.rule for each in refused]) == ([], ["bad_block"])


@pytest.mark.parametrize("layout", ["long", "wide"])
def test_layouts_without_objects_find_what_the_contract_names_inside_one(layout: Any) -> None:
    message = {"n": "t", "v": {"x": 1, "at": AT}, "other": {"y": 2}}
    found, refused = decode(
        message,
        layout=layout,
        metric=ValueSource(field=("n",)),
        value=ValueSource(field=("v.x",)),
        time=TimeSource(field=("v.at",)),
    )
    assert [(each.value, each.event_at) for each in found if each.value == 1] == [(1.0, START)]
    assert [each.rule for each in refused] == ["nested_value"]
