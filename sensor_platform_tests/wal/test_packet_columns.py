"""MQTT packets of a segment as columns."""

import pytest

from sensor_platform.wal.packet_columns import Extra, read_columns, read_properties
from sensor_platform_tests.wal.written import publish


def test_every_publish_is_a_row_and_other_packets_are_passed_over() -> None:
    packets = [publish(b"one"), b"\x62\x02\x00\x07", publish(b"2" * 200, b"c", head=0x30), publish(b"", head=0x3B)]
    found = read_columns(b"head" + b"".join(packets), 4, 4, {})
    assert found.topics == ["a/b", "c", "a/b"]
    assert found.payloads == [b"one", b"2" * 200, b""]
    assert (found.heads, found.packet_ids, found.extras) == ([0x32, 0x30, 0x3B], [7, 0, 7], {})


def test_a_long_packet_has_a_long_length() -> None:
    payload = b"x" * 20_000
    assert read_columns(publish(payload), 0, 4, {}).payloads == [payload]


def test_a_topic_that_is_no_utf8_is_kept_readable() -> None:
    assert read_columns(publish(b"1", b"a/\xff"), 0, 4, {}).topics == ["a/\\xff"]


def test_properties_of_mqtt_5_belong_to_their_message() -> None:
    properties = b"\x01\x01" + b"\x26\x00\x01k\x00\x01v" + b"\x0b\x80\x01" + b"\x03\x00\x04json"
    data = publish(b"1", properties=b"") + publish(b"2", properties=properties)
    found = read_columns(data, 0, 5, {})
    assert found.payloads == [b"1", b"2"]
    assert found.extras == {1: Extra("json", (("k", "v"),))}


@pytest.mark.parametrize(
    ("data", "extra"),
    [
        (b"", None),
        (b"\x02\x00\x00\x00\x05\x23\x00\x01", None),
        (b"\x26\x00\x01k\x00\x01v\x7f\x03\x00\x01x", Extra(None, (("k", "v"),))),
    ],
)
def test_a_property_that_is_unknown_ends_the_reading(data: bytes, extra: Extra | None) -> None:
    assert read_properties(data) == extra
