"""Primitives of MQTT packets that are shared by all code that reads or writes them: fixed header, lengths, PUBLISH.

The two loops over received packets (`collect.mqtt.packets.scan`, `wal.packet_columns.read_columns`) read lengths of one
or two bytes inline: a call for each message made them 16 % and 11 % slower.
"""

import struct
from typing import Final

PUBLISH: Final = 3
PUBREL: Final = 6
"""Packet types: the upper half of the first byte."""

MAX_REMAINING_LENGTH: Final = 268_435_455
_WORD = struct.Struct("!H")


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Variable byte integer at `at`, and the offset after it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def encode_varint(value: int) -> bytes:
    """Variable byte integer, for instance the remaining length of a packet."""
    if value < 128:
        return bytes((value,))
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_packet(head: int, body: bytes) -> bytes:
    """One packet: first byte, remaining length, body."""
    return bytes((head,)) + encode_varint(len(body)) + body


def encode_text(raw: bytes) -> bytes:
    """A length of two bytes and the bytes of a string."""
    return _WORD.pack(len(raw)) + raw


def encode_publish(
    head: int, topic: bytes, packet_id: int, payload: bytes | bytearray, properties: bytes = b""
) -> bytes:
    """A PUBLISH packet.

    Args:
        head: its first byte: bit 0 retain, bits 1-2 QoS, bit 3 dup, bits 4-7 the packet type.
        topic: UTF-8.
        packet_id: 1..65535; left out at QoS 0.
        payload: any bytes.
        properties: of MQTT 5, with their length before them; empty for MQTT 3.1.1.
    """
    number = _WORD.pack(packet_id) if head & 6 else b""
    length = 2 + len(topic) + len(number) + len(properties) + len(payload)
    return b"".join((bytes((head,)), encode_varint(length), _WORD.pack(len(topic)), topic, number, properties, payload))
