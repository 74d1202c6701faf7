"""A contract says where things are; each of its settings does what it says."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract, TimeSource, ValueSource
from sensor_platform.reading.model import Envelope, Rejected
from sensor_platform_tests.reading.single_message import decode_message

AT = 1_772_366_000


def test_json_inside_a_json_string_is_opened_once(values: Callable[..., Any], rules: Callable[..., list[str]]) -> None:
    for payload in (b'"{\\"t\\":1}"', b'{"t":1}'):
        assert values(payload, encoding="json_in_json") == {"t": 1.0}
    assert rules(b'"{\\"t\\":1}"') == ["not_an_object"]
    assert rules(b'"{"', encoding="json_in_json") == ["undecodable"]
    assert rules(b'"\\"{}\\""', encoding="json_in_json") == ["not_an_object"]


def test_a_device_may_come_from_anywhere_in_the_order_of_the_source(decode: Callable[..., Any]) -> None:
    source = ValueSource(field=("dev",), user_property="device", kafka_key=True, topic_level=1, constant="c")
    full = {"user_properties": (("x", "y"), ("device", "up")), "key": b"kk"}
    cases: list[tuple[dict[str, Any], str, dict[str, Any], str]] = [
        ({"dev": "f"}, "a/b", full, "f"),
        ({}, "a/b", full, "up"),
        ({}, "a/b", {"key": b"kk"}, "kk"),
        ({}, "a/b", {}, "b"),
        ({}, "a", {}, "c"),
    ]
    for fields, topic, envelope, device in cases:
        (reading,) = decode(fields | {"t": 1}, topic, envelope, device=source)
        assert reading.device_id == device


@pytest.mark.parametrize(("level", "device"), [(0, "a"), (1, "b"), (-1, "c"), (-3, "a"), (3, None), (-4, None)])
def test_topic_levels_count_from_both_ends(decode: Callable[..., Any], level: int, device: str | None) -> None:
    (found,) = decode({"t": 1}, "a/b/c", device=ValueSource(topic_level=level))
    assert found.rule == "no_device" if device is None else found.device_id == device


def test_the_key_may_be_the_device_and_a_header_the_message_id(decode: Callable[..., Any]) -> None:
    (reading,) = decode(
        {"ts": "2026-03-01T11:53:20.000001", "value": 3},
        envelope={"key": b"s-7", "user_properties": (("id", "uuid-1"),)},
        device=ValueSource(kafka_key=True),
        message_id=ValueSource(user_property="id"),
        metric=ValueSource(constant="temperature"),
        layout="long",
    )
    assert (reading.device_id, reading.message_id, reading.metric, reading.value) == (
        "s-7",
        "uuid-1",
        "temperature",
        3.0,
    )


def test_a_key_that_is_no_text_is_still_a_device(decode: Callable[..., Any]) -> None:
    (reading,) = decode({"t": 1}, envelope={"key": b"\xff\x01"}, device=ValueSource(kafka_key=True))
    assert reading.device_id == "\\xff\x01"


def test_the_metric_may_be_a_level_of_the_topic(decode: Callable[..., Any]) -> None:
    (reading,) = decode(
        {"sensor_id": "s", "value": 3}, "telemetry/vibration", layout="long", metric=ValueSource(topic_level=-1)
    )
    assert (reading.device_id, reading.metric) == ("s", "vibration")


def test_the_time_may_be_a_user_property(decode: Callable[..., Any]) -> None:
    (reading,) = decode(
        {"t": 1}, envelope={"user_properties": (("at", str(AT)),)}, time=TimeSource(field=(), user_property="at")
    )
    assert reading.event_at == datetime(2026, 3, 1, 11, 53, 20, tzinfo=UTC)


def test_a_required_time_that_is_missing_is_refused(rules: Callable[..., list[str]]) -> None:
    assert rules({"t": 1}, time=TimeSource(required=True)) == ["no_time"]
    assert rules({"t": 1, "ts": AT}, time=TimeSource(required=True)) == []


def test_a_naive_time_is_of_the_stations_zone(decode: Callable[..., Any]) -> None:
    (reading,) = decode({"t": 1, "ts": "2026-03-01 19:53:20"}, time=TimeSource(timezone="+08:00"))
    assert reading.event_at == datetime(2026, 3, 1, 11, 53, 20, tzinfo=UTC)


def test_tags_come_from_payload_topic_and_constants(decode: Callable[..., Any]) -> None:
    tags = {
        "plant": ValueSource(field=("plantId",), constant="default"),
        "line": ValueSource(topic_level=0),
        "x": ValueSource(field=("no",)),
    }
    (reading,) = decode({"plant_id": "p1", "t": 1}, "l7/d", tags=tags)
    assert reading.tags == {"plant": "p1", "line": "l7"}
    (reading,) = decode({"t": 1}, "l7/d", tags=tags)
    assert reading.tags == {"plant": "default", "line": "l7"}


def test_nested_roles_are_found_by_their_path(decode: Callable[..., Any]) -> None:
    (reading,) = decode(
        {"meta": {"deviceId": "d", "at": AT}, "data": {"t": 1}},
        device=ValueSource(field=("meta.device_id",)),
        time=TimeSource(field=("meta.at",)),
        rename={"data.t": "temperature"},
    )
    assert (reading.device_id, reading.metric, reading.is_device_time) == ("d", "temperature", True)


def test_wide_takes_no_nested_objects_and_nested_takes_no_samples(rules: Callable[..., list[str]]) -> None:
    assert rules({"t": 1, "a": {"b": 1}}, layout="wide") == ["nested_value"]
    assert rules({"t": 1, "samples": [{"a": 1}]}, layout="nested") == ["nested_value"]
    assert rules({"t": 1, "a": {"b": 1}}, layout="nested") == []


def test_wide_does_not_take_a_metric_and_a_value_for_the_long_form(values: Callable[..., Any]) -> None:
    assert values({"metric": "x", "value": 1}, layout="wide") == {"metric": "x", "value": 1.0}


def test_long_refuses_what_has_no_metric_or_no_value(rules: Callable[..., list[str]]) -> None:
    assert rules({"t": 1}, layout="long") == ["no_metric"]
    assert rules({"metric": "t"}, layout="long") == ["no_value"]


def test_long_takes_the_first_value_field_that_is_there(values: Callable[..., Any]) -> None:
    value = ValueSource(field=("value", "val"))
    assert values({"metric": "t", "value": None, "val": 4}, layout="long", value=value) == {"t": 4.0}


def test_samples_are_read_on_top_of_the_outer_fields(decode: Callable[..., Any]) -> None:
    payload = {
        "sensorId": "s",
        "seq": 5,
        "unit": "g",
        "timestamp": AT,
        "samples": [{"ts": AT - 2, "x": 1}, {"ts": AT - 1, "x": 2, "seq": 9}, {"x": 3}],
    }
    found = decode(payload, layout="samples")
    assert [(r.device_id, r.metric, r.value, r.unit, r.message_id) for r in found] == [
        ("s", "x", 1.0, "g", "5#0"),
        ("s", "x", 2.0, "g", "9"),
        ("s", "x", 3.0, "g", "5#2"),
    ]
    assert [int(reading.event_at.timestamp()) - AT for reading in found] == [-2, -1, 0]


def test_what_an_outer_object_measures_is_read_once(values: Callable[..., Any], decode: Callable[..., Any]) -> None:
    found = decode({"id": "s", "battery": 3.3, "samples": [{"x": 1, "ts": AT}, {"x": 2, "ts": AT + 1}]})
    assert [(reading.metric, reading.value) for reading in found] == [("battery", 3.3), ("x", 1.0), ("x", 2.0)]


def test_samples_may_be_long_nested_and_anywhere(decode: Callable[..., Any]) -> None:
    payload = {"data": {"points": [{"metric": "a", "value": 1}, {"b": {"c": 2}}]}}
    found = decode(payload, samples="data.points")
    assert [(reading.metric, reading.value) for reading in found] == [("a", 1.0), ("b.c", 2.0)]


def test_a_bad_sample_spoils_only_itself(decode: Callable[..., Any]) -> None:
    found = decode({"id": "s", "samples": [{"x": 1}, 7, {"x": 2, "ts": "soon"}, {}]})
    assert [item.rule if isinstance(item, Rejected) else item.value for item in found] == [
        1.0,
        "not_an_object",
        "bad_time",
    ]


def test_no_samples_are_no_readings(rules: Callable[..., list[str]]) -> None:
    assert rules({"id": "s", "samples": []}) == ["no_readings"]


def test_required_metrics_refuse_the_whole_message(rules: Callable[..., list[str]], values: Callable[..., Any]) -> None:
    need = ("t", "h")
    assert values({"t": 1, "h": 2, "x": 3}, required_metrics=need) == {"t": 1.0, "h": 2.0, "x": 3.0}
    for incomplete in (b'{"t":1,"x":3}', b'{"t":1,"h":null}', b'{"t":1,"h":NaN}', b'{"x":1}'):
        assert set(rules(incomplete, required_metrics=need)) == {"missing_required_metric"}


def test_required_metrics_are_named_as_renamed(values: Callable[..., Any]) -> None:
    assert values({"tmp": 1}, rename={"TMP": "t"}, required_metrics=("t",)) == {"t": 1.0}


@pytest.mark.parametrize(("policy", "expected"), [("evolve", {"t", "new"}), ("ignore", {"t"}), ("quarantine", {"t"})])
def test_unknown_fields_are_treated_as_the_contract_says(
    decode: Callable[..., Any], policy: str, expected: set[str]
) -> None:
    found = decode({"t": 1, "new": 2, "nothing": None}, metrics=("t",), unknown_fields=policy)
    assert {item.metric for item in found if not isinstance(item, Rejected)} == expected
    assert [item.rule for item in found if isinstance(item, Rejected)] == ["unknown_field"] * (policy == "quarantine")


@pytest.mark.parametrize(("policy", "rule"), [("quarantine", "unknown_field"), ("ignore", "no_readings")])
def test_unknown_metrics_of_the_long_form_too(rules: Callable[..., list[str]], policy: str, rule: str) -> None:
    message = {"metric": "new", "value": 1, "extra": 2}
    assert rules(message, metrics=("t",), unknown_fields=policy) == [rule]
    assert rules(message | {"metric": "t"}, metrics=("t",), unknown_fields=policy) == []


def test_ignored_fields_are_no_metrics_and_a_parent_stands_for_its_children(values: Callable[..., Any]) -> None:
    payload = {"t": 1, "Firmware": "1.2", "meta": {"a": 1, "b": {"c": 2}}, "metadata": 3}
    assert values(payload, ignore=("firmware", "meta")) == {"t": 1.0, "metadata": 3.0}


def test_names_of_long_messages_are_renamed(values: Callable[..., Any]) -> None:
    assert values({"metric": "TEMP", "value": 1}, rename={"temp": "temperature"}) == {"temperature": 1.0}


@pytest.mark.parametrize(("strings", "expected"), [("text", {"t": "1.5"}), ("number", {"t": 1.5}), ("ignore", {})])
def test_text_is_treated_as_the_contract_says(
    decode: Callable[..., Any], strings: str, expected: dict[str, Any]
) -> None:
    found = [item for item in decode({"t": "1.5"}, strings=strings) if not isinstance(item, Rejected)]
    assert {item.metric: item.text if item.value is None else item.value for item in found} == expected


def test_a_message_on_a_topic_without_contract_is_refused(now: datetime, limits: TimeLimits) -> None:
    envelope = Envelope("other/x", b'{"t":1}', now, "s", 0)
    (refused,) = decode_message((Contract(name="a", topic="sensors/#"),), envelope, limits)
    assert isinstance(refused, Rejected)
    assert refused.rule == "no_contract"


def test_a_retained_message_is_tagged_and_uncertain_where_its_time_is_unknown(decode: Callable[..., Any]) -> None:
    kept: dict[str, Any] = {"retain": True}
    body = {"id": "d", "metric": "p", "value": 1, "extra": 2, "note": "x", "unit": "bar"}
    found = decode(body, "a/b", kept, retained="uncertain")
    assert [(r.metric, r.quality, r.unit) for r in found] == [("extra", "uncertain", None), ("p", "uncertain", "bar")]
    assert {tuple(r.tags.items()) for r in found} == {(("note", "x"), ("retained", "true"))}
    (reading,) = decode({"id": "d", "t": 1, "quality": "BAD"}, "a/b", kept, retained="uncertain")
    assert reading.quality == "BAD", "what the device calls bad stays bad"
    (reading,) = decode({"id": "d", "t": 1}, "a/b", kept, retained="accept")
    assert (reading.quality, reading.tags, reading.is_device_time) == (None, {"retained": "true"}, False)
    (reading,) = decode({"id": "d", "t": 1, "ts": AT}, "a/b", kept)
    assert (reading.quality, reading.tags, reading.is_device_time) == (None, {"retained": "true"}, True)
    source = {"retained": ValueSource(constant="mine")}
    assert decode({"id": "d", "t": 1, "ts": AT}, "a/b", kept, tags=source)[0].tags == {"retained": "mine"}
    assert decode({"id": "d", "t": 1}, "a/b", {})[0].tags == {}
    (refused,) = decode({"id": "d", "t": 1}, "a/b", kept)
    assert (refused.rule, refused.device_id) == ("retained_without_time", "d")
