"""MQTT packets encoded and parsed without any code of the product, as fixtures that a conftest imports."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Packet:
    """One MQTT packet, taken apart the slow and obvious way."""

    kind: int
    raw: bytes
    topic: bytes = b""
    payload: bytes = b""
    qos: int = 0
    dup: bool = False
    retain: bool = False
    packet_id: int = 0
    properties: bytes = b""


def _length(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for digit in range(4):
        value += (data[at + digit] % 128) * 128**digit
        if data[at + digit] < 128:
            return value, at + digit + 1
    raise ValueError("no length")


def _parse(data: bytes, level: int) -> list[Packet]:
    packets = []
    while data:
        length, start = _length(data, 1)
        raw, body, data = data[: start + length], data[start : start + length], data[start + length :]
        kind = raw[0] // 16
        if kind != 3:
            packets.append(Packet(kind, raw, packet_id=int.from_bytes(body[:2]) if kind == 6 else 0))
            continue
        qos = raw[0] // 2 % 4
        (size,) = struct.unpack(">H", body[:2])
        topic, body = body[2 : 2 + size], body[2 + size :]
        packet_id = 0
        if qos:
            packet_id, body = int.from_bytes(body[:2]), body[2:]
        properties = b""
        if level == 5:
            size, start = _length(body, 0)
            properties, body = body[start : start + size], body[start + size :]
        is_dup, is_retained = raw[0] // 8 % 2 == 1, raw[0] % 2 == 1
        packets.append(Packet(3, raw, topic, body, qos, is_dup, is_retained, packet_id, properties))
    return packets


@pytest.fixture(scope="session")
def parse_packets() -> Callable[[bytes, int], list[Packet]]:
    return _parse


def _encode_length(value: int) -> bytes:
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit + (128 if value else 0))
        if not value:
            return bytes(out)


def _publish(
    topic: bytes,
    payload: bytes,
    *,
    qos: int = 1,
    packet_id: int = 1,
    level: int = 4,
    dup: bool = False,
    retain: bool = False,
    properties: bytes = b"",
) -> bytes:
    body = struct.pack(">H", len(topic)) + topic + (struct.pack(">H", packet_id) if qos else b"")
    body += _encode_length(len(properties)) + properties if level == 5 else b""
    body += payload
    return bytes([0x30 + 8 * dup + 2 * qos + retain]) + _encode_length(len(body)) + body


@pytest.fixture(scope="session")
def publish_packet() -> Callable[..., bytes]:
    return _publish
