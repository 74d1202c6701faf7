import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.devices import publisher_wire as wire


def parse(packet: bytes) -> tuple[int, bytes]:
    """First byte and body, checking that the length field covers exactly the rest."""
    length, at = 0, 1
    while True:
        length |= (packet[at] & 127) << 7 * (at - 1)
        at += 1
        if packet[at - 1] < 128:
            break
    assert len(packet) == at + length
    return packet[0], packet[at:]


@given(
    topic=st.text(min_size=1, max_size=50),
    payload=st.binary(max_size=300),
    qos=st.sampled_from([0, 1, 2]),
    packet_id=st.integers(1, 65535),
)
def test_a_publish_packet_holds_topic_id_and_payload(topic: str, payload: bytes, qos: int, packet_id: int) -> None:
    name = topic.encode()
    head, body = parse(wire.publish_packet(name, payload, qos=qos, packet_id=packet_id))
    assert head == 0x30 | qos << 1
    assert body[:2] == len(name).to_bytes(2)
    assert body[2 : 2 + len(name)] == name
    rest = body[2 + len(name) :]
    assert rest == (packet_id.to_bytes(2) if qos else b"") + payload


@pytest.mark.parametrize("size", [120, 121, 16_374, 16_375, 2_097_142, 2_097_143])
def test_lengths_around_each_digit_of_the_length_field_are_right(size: int) -> None:
    _, body = parse(wire.publish_packet(b"abc", b"x" * size, qos=1, packet_id=7))
    assert body == b"\x00\x03abc\x00\x07" + b"x" * size


@given(dup_of=st.binary(max_size=20))
def test_a_redelivery_differs_in_the_dup_flag_alone(dup_of: bytes) -> None:
    packet = wire.publish_packet(b"t", dup_of, qos=1, packet_id=3)
    again = wire.as_redelivery(packet)
    assert again[1:] == packet[1:]
    assert again[0] == packet[0] | 8


@pytest.mark.parametrize(
    ("username", "password", "flags", "tail"),
    [
        (None, None, 0x02, b""),
        ("me", None, 0x82, b"\x00\x02me"),
        ("me", "pw", 0xC2, b"\x00\x02me\x00\x02pw"),
        (None, "pw", 0x02, b""),
    ],
)
def test_connect_carries_the_login_and_never_a_password_alone(
    username: str | None, password: str | None, flags: int, tail: bytes
) -> None:
    packet = wire.connect_packet("c", clean_session=True, keepalive_seconds=60, username=username, password=password)
    _, body = parse(packet)
    assert body == b"\x00\x04MQTT\x04" + bytes([flags]) + b"\x00\x3c" + b"\x00\x01c" + tail


def test_a_session_is_asked_for_by_leaving_the_clean_flag_out() -> None:
    packet = wire.connect_packet("c", clean_session=False, keepalive_seconds=1, username=None, password=None)
    assert parse(packet)[1][7] == 0


@given(data=st.data(), packets=st.lists(st.tuples(st.sampled_from([0x40, 0x50, 0x70, 0x20]), st.integers(0, 65535))))
def test_acknowledgements_are_found_however_the_bytes_are_cut(
    data: st.DataObject, packets: list[tuple[int, int]]
) -> None:
    stream = b"".join(bytes([kind, 2]) + number.to_bytes(2) for kind, number in packets)
    found, buffer = [], bytearray()
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        buffer += stream[:size]
        stream = stream[size:]
        found += list(wire.take_packets(buffer))
    assert found == packets
    assert not buffer


def test_a_ping_answer_is_a_packet_without_an_id() -> None:
    buffer = bytearray(b"\xd0\x00\x40\x02\x00\x05")
    assert list(wire.take_packets(buffer)) == [(0xD0, 0), (0x40, 5)]


def test_something_else_than_acknowledgements_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes or more"):
        list(wire.take_packets(bytearray(b"HTTP/1.1 400 Bad Request\r\n")))
