"""With nothing configured, JSON objects of any usual shape become readings."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import DEFAULT_CONTRACT
from sensor_platform.reading.model import Envelope, EnvelopeFlag, Reading, Rejected
from sensor_platform_tests.reading.single_message import decode_message

AT = 1_772_366_000  # 2026-03-01T11:53:20Z


def test_every_field_of_a_reading_is_filled(now: datetime, limits: TimeLimits) -> None:
    payload = b'{"sensor_id":"s1","timestamp":%d,"seq":7,"temperature":21.5,"unit":"C","quality":"good"}' % AT
    envelope = Envelope("sensors/x", payload, now, "col-1-2", 9, flags=EnvelopeFlag.SUSPECT)
    assert decode_message((DEFAULT_CONTRACT,), envelope, limits) == [
        Reading(
            device_id="s1",
            metric="temperature",
            event_at=datetime(2026, 3, 1, 11, 53, 20, tzinfo=UTC),
            received_at=now,
            value=21.5,
            text=None,
            unit="C",
            quality="good",
            tags={},
            message_id="7",
            topic="sensors/x",
            segment="col-1-2",
            position=9,
            is_device_time=True,
            is_suspect=True,
        )
    ]


@pytest.mark.parametrize(
    "key", ["device_id", "deviceId", "DEVICE_ID", "sensor_id", "sensorId", "generatorID", "id", "ID"]
)
@pytest.mark.parametrize(("value", "device"), [("pump-1", "pump-1"), (42, "42"), (42.0, "42")])
def test_the_device_is_found_under_any_usual_name(
    decode: Callable[..., Any], key: str, value: object, device: str
) -> None:
    (reading,) = decode({key: value, "t": 1})
    assert (reading.device_id, reading.metric) == (device, "t")


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_without_a_device_field_it_is_the_last_level_of_the_topic(decode: Callable[..., Any], nothing: object) -> None:
    assert {found.device_id for found in decode({"id": nothing, "t": 1}, "plant/line/dev9")} == {"dev9"}


def test_the_first_name_of_the_contract_wins_and_the_others_are_no_metrics(values: Callable[..., Any]) -> None:
    assert values({"id": 5, "sensorId": 6, "deviceId": "a", "ts": AT, "time": AT, "sequence": 3, "seq": 4, "t": 1}) == {
        "t": 1.0
    }


@pytest.mark.parametrize("key", ["timestamp", "ts", "time", "Timestamp", "TS"])
@pytest.mark.parametrize("value", [AT, AT * 1000, AT * 1e6, AT * 10**9, str(AT), "2026-03-01T11:53:20Z", float(AT)])
def test_the_time_is_found_under_any_usual_name_and_form(decode: Callable[..., Any], key: str, value: object) -> None:
    (reading,) = decode({key: value, "t": 1})
    assert reading.event_at == datetime(2026, 3, 1, 11, 53, 20, tzinfo=UTC)
    assert reading.is_device_time


def test_without_a_time_it_is_the_receive_time_and_says_so(decode: Callable[..., Any], now: datetime) -> None:
    for payload in ({"t": 1}, {"t": 1, "ts": None}, {"t": 1, "time": ""}):
        (reading,) = decode(payload)
        assert (reading.event_at, reading.is_device_time) == (now, False)


def test_a_null_time_leaves_the_place_to_the_next_name(decode: Callable[..., Any]) -> None:
    (reading,) = decode({"timestamp": None, "time": AT, "t": 1})
    assert reading.is_device_time


@pytest.mark.parametrize(
    ("key", "value", "text"), [("seq", 1, "1"), ("sequence", "x-1", "x-1"), ("messageId", 2.0, "2"), ("q", 1, None)]
)
def test_the_devices_own_number_is_kept_for_dedupe(
    decode: Callable[..., Any], key: str, value: object, text: str | None
) -> None:
    found = [reading for reading in decode({key: value, "t": 1}) if reading.metric == "t"]
    assert found[0].message_id == text


def test_every_other_number_and_boolean_is_a_metric_and_text_is_text(values: Callable[..., Any]) -> None:
    payload = {"id": "a", "t": 1, "u": -2.5, "on": True, "off": False, "none": None, "state": "RUN", "big": 2**63}
    assert values(payload) == {"t": 1.0, "u": -2.5, "on": 1.0, "off": 0.0, "state": "RUN", "big": 2.0**63}


def test_metrics_keep_the_name_that_the_device_gives_them(values: Callable[..., Any]) -> None:
    names = ["PM2.5", "Größe", "a b", "../x", "'; drop table x", "🌡", "<script>", 'q"']
    assert values(dict.fromkeys(names, 1)) == dict.fromkeys(names, 1.0)


@pytest.mark.parametrize("name", ["metric", "metric_type", "metricType", "parameter"])
def test_the_long_form_is_recognised(decode: Callable[..., Any], name: str) -> None:
    (reading,) = decode({"sensor_id": "s", "timestamp": AT, name: "pressure", "value": 3, "unit": "bar"})
    assert (reading.device_id, reading.metric, reading.value, reading.unit) == ("s", "pressure", 3.0, "bar")


def test_a_value_without_a_metric_name_is_a_metric_called_value(values: Callable[..., Any]) -> None:
    assert values({"ts": AT, "value": 3}) == {"value": 3.0}


def test_in_the_long_form_other_texts_describe_and_other_numbers_measure(decode: Callable[..., Any]) -> None:
    payload = {
        "sensorId": "s",
        "parameter": "pH",
        "value": 7,
        "unit": "1",
        "quality": 192,
        "plantId": "p",
        "battery": 3.3,
    }
    battery, ph = decode(payload)
    assert (ph.metric, ph.value, ph.unit, ph.quality, ph.tags) == (
        "pH",
        7.0,
        "1",
        "uncertain",
        {"plantId": "p", "original_quality": "192"},
    )
    assert (battery.metric, battery.value, battery.unit, battery.quality) == ("battery", 3.3, None, None)


def test_a_long_text_value_is_a_text_reading(decode: Callable[..., Any]) -> None:
    (reading,) = decode({"metric": "state", "value": "open"})
    assert (reading.metric, reading.value, reading.text) == ("state", None, "open")


def test_in_the_wide_form_a_numeric_quality_is_a_metric(decode: Callable[..., Any]) -> None:
    (reading,) = decode({"quality": 87.5, "unit": "%"})
    assert (reading.metric, reading.value, reading.unit, reading.quality) == ("quality", 87.5, "%", None)


def test_nested_fields_are_metrics_by_their_path(values: Callable[..., Any]) -> None:
    payload = {"engine": {"rpm": 900, "oil": {"pressure": 2.5, "ok": True}}, "fuel": 1, "empty": {}}
    assert values(payload) == {"engine.rpm": 900.0, "engine.oil.pressure": 2.5, "engine.oil.ok": 1.0, "fuel": 1.0}


def test_an_array_of_objects_is_so_many_messages(decode: Callable[..., Any]) -> None:
    found = decode([{"id": "a", "t": 1}, {"id": "b", "t": 2}])
    assert [(reading.device_id, reading.value) for reading in found] == [("a", 1.0), ("b", 2.0)]


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (b"", "undecodable"),
        (b"{", "undecodable"),
        (b"\xff\xfe\x00", "undecodable"),
        (b'{"t":1}garbage', "undecodable"),
        (b'"\\ud800"', "undecodable"),
        (b'{"t":"\\ud800","x":NaN}', "undecodable"),
        (b"[" * 100_000, "undecodable"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "undecodable"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "too_deep"),
        (b"1" * 5000, "undecodable"),
        (b"3", "not_an_object"),
        (b"null", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"[1,2]", "not_an_object"),
        (b"{}", "no_readings"),
        (b"[]", "no_readings"),
        (b'{"id":"a","ts":1772366000,"seq":1}', "no_readings"),
        (b'{"t":null}', "no_readings"),
        (b'{"t":1,"ts":"soon"}', "bad_time"),
        (b'{"t":1,"ts":true}', "bad_time"),
        (b'{"t":1,"ts":NaN}', "bad_time"),
        (b'{"t":1,"ts":0}', "before_start"),
        (b'{"t":1,"ts":"2100-01-01T00:00:00Z"}', "in_the_future"),
        (b'{"t":NaN}', "not_a_number"),
        (b'{"t":-Infinity}', "not_a_number"),
        (b'{"t":1e999}', "not_a_number"),
        (b'{"t":[1,2]}', "nested_value"),
        (b'{"metric":"t","value":null}', "no_value"),
        (b'{"metric":null,"value":1}', "no_metric"),
        (b'{"":1}', "no_metric"),
        (b'{"%s":1}' % (b"m" * 257), "name_too_long"),
        (b'{"t":1,"id":"%s"}' % (b"d" * 257), "name_too_long"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_a_rule_with_a_hint(
    rules: Callable[..., list[str]], payload: bytes, rule: str
) -> None:
    assert set(rules(payload)) == {rule}


def test_a_message_without_any_device_is_refused(rules: Callable[..., list[str]]) -> None:
    assert rules({"t": 1}, "sensors/") == ["no_device"]


def test_a_bad_value_spoils_only_its_own_reading(decode: Callable[..., Any]) -> None:
    good, bad = decode(b'{"id":"a","t":1,"u":NaN}')
    assert (good.metric, good.value) == ("t", 1.0)
    assert isinstance(bad, Rejected)
    assert (bad.rule, bad.device_id, bad.metric) == ("not_a_number", "a", "u")


def test_a_clock_may_be_ahead_by_as_much_as_the_site_allows(rules: Callable[..., list[str]], now: datetime) -> None:
    ahead = int(now.timestamp()) + 3600
    assert rules({"t": 1, "ts": ahead}) == []
    assert rules({"t": 1, "ts": ahead + 1}) == ["in_the_future"]


def test_the_first_moment_of_the_site_is_taken_and_the_one_before_is_not(rules: Callable[..., list[str]]) -> None:
    assert rules({"t": 1, "ts": "2010-01-01T00:00:00Z"}) == []
    assert rules({"t": 1, "ts": "2009-12-31T23:59:59.999999Z"}) == ["before_start"]


def test_a_byte_order_mark_is_no_reason_to_refuse(values: Callable[..., Any]) -> None:
    assert values(b'\xef\xbb\xbf{"t":1}') == {"t": 1.0}


def test_a_device_may_be_called_anything(decode: Callable[..., Any]) -> None:
    for name in ("../../etc", "a'b\"c", "🚀", " ", "\x00", "x" * 256, "</td>"):
        (reading,) = decode({"id": name, "t": 1})
        assert reading.device_id == name
