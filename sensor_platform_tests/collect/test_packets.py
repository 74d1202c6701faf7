"""The bulk lane against an independent parser."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.collect.mqtt.packets import PacketRun, encode_replies, scan

Publish = Callable[..., bytes]
Parse = Callable[[bytes, int], list[Any]]

PINGRESP = b"\xd0\x00"
REPLY = {1: 0x40, 2: 0x50}


def pubrel(packet_id: int, level: int) -> bytes:
    reason = b"\x00\x00" if level == 5 and packet_id % 2 else b""
    return b"\x62" + bytes([2 + len(reason)]) + packet_id.to_bytes(2) + reason


@st.composite
def streams(draw: st.DrawFn) -> tuple[int, list[tuple[str, dict[str, Any]]]]:
    level = draw(st.sampled_from([4, 5]))
    publish = st.fixed_dictionaries(
        {
            "topic": st.text(max_size=40).map(lambda text: text.encode()),
            "payload": st.binary(max_size=300),
            "qos": st.sampled_from([0, 1, 1, 1, 2]),
            "packet_id": st.integers(1, 65535),
            "dup": st.booleans(),
            "retain": st.booleans(),
            "properties": st.binary(max_size=200) if level == 5 else st.just(b""),
        }
    )
    other = st.builds(lambda: ("ping", dict[str, Any]()))
    release = st.integers(1, 65535).map(lambda number: ("pubrel", {"packet_id": number}))
    parts = st.one_of(publish.map(lambda p: ("publish", p)), publish.map(lambda p: ("publish", p)), release, other)
    return level, draw(st.lists(parts, max_size=12))


def encode(level: int, parts: list[tuple[str, dict[str, Any]]], publish: Publish) -> bytes:
    out = b""
    for kind, fields in parts:
        if kind == "publish":
            out += publish(level=level, **fields)
        elif kind == "pubrel":
            out += pubrel(fields["packet_id"], level)
        else:
            out += PINGRESP
    return out


def through_bulk_lane(pieces: list[bytes], level: int) -> tuple[bytes, bytes, list[tuple[int, int, bool]], int]:
    """What the collector's reading loop does with these reads: taken bytes, replies, special publishes, messages."""
    taken, replies, specials, messages, rest = b"", b"", [], 0, b""
    for piece in pieces:
        data, at = rest + piece, 0
        while True:
            run: PacketRun = scan(data, at, level)
            assert run.malformed is None
            taken += data[at : run.end]
            replies += encode_replies(run.replies)
            specials += [(s.packet_id, messages + s.index, s.is_pubrel) for s in run.specials]
            messages += run.messages
            at = run.end
            if not run.is_other:
                break
            assert data[at : at + run.need] == PINGRESP
            at += run.need
        rest = data[at:]
    assert rest == b""
    return taken, replies, specials, messages


@given(streams(), st.lists(st.integers(0, 4000), max_size=6))
def test_the_bulk_lane_agrees_with_an_independent_parser_however_the_stream_is_cut(
    publish_packet: Publish, parse_packets: Parse, stream: tuple[int, Any], cuts: list[int]
) -> None:
    level, parts = stream
    data = encode(level, parts, publish_packet)
    borders = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[a:b] for a, b in itertools.pairwise(borders)]

    taken, replies, specials, messages = through_bulk_lane(pieces, level)

    packets = [packet for packet in parse_packets(data, level) if packet.kind in (3, 6)]
    assert taken == b"".join(packet.raw for packet in packets)
    expected = b""
    expected_specials, count = [], 0
    for packet in packets:
        answer = 0x70 if packet.kind == 6 else REPLY.get(packet.qos)
        if answer:
            expected += bytes([answer, 2]) + packet.packet_id.to_bytes(2)
        if packet.kind == 6 or packet.qos != 1 or packet.dup:
            expected_specials.append((packet.packet_id, count, packet.kind == 6))
        count += packet.kind == 3
    assert replies == expected
    assert specials == expected_specials
    assert messages == count


@pytest.mark.parametrize("level", [4, 5])
def test_every_single_split_of_a_stream_gives_the_same_packets(publish_packet: Publish, level: int) -> None:
    properties = b"\x26\x00\x01a\x00\x01b" if level == 5 else b""
    stream = (
        publish_packet(b"a/b", b"x" * 150, packet_id=0x1234, level=level, properties=properties)
        + PINGRESP
        + publish_packet(b"t", b"", qos=2, packet_id=9, level=level)
        + pubrel(9, level)
        + publish_packet(b"q0", b"best", qos=0, level=level)
        + publish_packet(b"again", b"y", dup=True, packet_id=0x1234, level=level)
    )
    whole = through_bulk_lane([stream], level)
    for cut in range(1, len(stream)):
        assert through_bulk_lane([stream[:cut], stream[cut:]], level) == whole


@pytest.mark.parametrize(
    "data",
    [
        b"\x32\x01\x00",  # no room for a topic
        b"\x32\x05\x00\x09abc",  # topic longer than the packet
        b"\x36\x06\x00\x01a\x00\x01x",  # QoS 3
        b"\x32\xff\xff\xff\xff\x01",  # length of five bytes
        b"\x62\x01\x00",  # PUBREL without packet id
        b"\x30\x03\x00\x05a",
    ],
)
def test_contradicting_lengths_are_called_malformed(data: bytes) -> None:
    assert scan(data + bytes(20), 0, 4).malformed


def test_properties_longer_than_the_packet_are_malformed() -> None:
    assert scan(b"\x32\x07\x00\x01a\x00\x01\x7fx" + bytes(200), 0, 5).malformed


def test_good_packets_before_a_malformed_one_are_still_taken(publish_packet: Publish) -> None:
    good = publish_packet(b"t", b"payload", packet_id=77)
    run = scan(good + b"\x36\x06\x00\x01a\x00\x01x", 0, 4)
    assert run.malformed
    assert run.end == len(good)
    assert encode_replies(run.replies) == b"\x40\x02\x00\x4d"


def test_the_length_of_a_large_packet_is_known_from_its_first_bytes(publish_packet: Publish) -> None:
    packet = publish_packet(b"t", bytes(3_000_000))
    assert scan(packet[:5], 0, 4).need == len(packet)
    assert scan(packet[:2], 0, 4).need == 0


@given(st.binary(max_size=200), st.sampled_from([4, 5]))
def test_no_bytes_make_the_scan_fail(data: bytes, level: int) -> None:
    run = scan(data, 0, level)
    assert 0 <= run.end <= len(data)
