"""Primitives of MQTT packets."""

import pytest

from sensor_platform.wal.mqtt_packet import encode_packet, encode_publish, encode_text, encode_varint, read_varint
from sensor_platform_tests.wal.written import publish


@pytest.mark.parametrize(
    ("data", "value"), [(b"\x00", 0), (b"\x7f", 127), (b"\x80\x01", 128), (b"\xff\xff\xff\x7f", 268_435_455)]
)
def test_lengths_have_one_to_four_digits(data: bytes, value: int) -> None:
    assert read_varint(b"x" + data + b"y", 1) == (value, 1 + len(data))
    assert encode_varint(value) == data


def test_a_packet_is_its_first_byte_its_length_and_its_body() -> None:
    assert encode_packet(0x40, encode_text(b"ab")) == b"\x40\x04\x00\x02ab"


@pytest.mark.parametrize("head", [0x30, 0x32, 0x3B])
@pytest.mark.parametrize("payload", [b"", b"x" * 300])
def test_a_publish_has_a_packet_id_unless_its_qos_is_0(head: int, payload: bytes) -> None:
    assert encode_publish(head, b"a/b", 7, payload) == publish(payload, head=head)


def test_properties_stand_before_the_payload() -> None:
    assert encode_publish(0x32, b"a/b", 7, b"1", b"\x02\x01\x00") == publish(b"1", properties=b"\x01\x00")
