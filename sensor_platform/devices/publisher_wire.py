"""MQTT 3.1.1 packets of a publishing client, as bytes. Pure: no sockets.

MQTT 3.1.1 and not 5, because every broker supports it and its acknowledgements always have four bytes.
"""

import struct
from collections.abc import Iterator
from typing import Final

from sensor_platform.wal.mqtt_packet import PUBLISH, encode_packet, encode_publish, encode_text

CONNACK: Final = 0x20
PUBACK: Final = 0x40
PUBREC: Final = 0x50
PUBCOMP: Final = 0x70
PINGREQ: Final = b"\xc0\x00"
DISCONNECT: Final = b"\xe0\x00"

MAX_TOPIC_BYTES: Final = 65535

REFUSALS: Final = {
    1: "it does not speak MQTT 3.1.1",
    2: "it does not accept the client id",
    3: "it is not available",
    4: "user name or password is wrong",
    5: "this user may not connect",
}
"""Reasons by CONNACK return code."""


def connect_packet(
    client_id: str, *, clean_session: bool, keepalive_seconds: int, username: str | None, password: str | None
) -> bytes:
    """CONNECT without a last will."""
    flags = 0x02 if clean_session else 0
    body = encode_text(client_id.encode())
    if username is not None:
        flags |= 0x80
        body += encode_text(username.encode())
        if password is not None:  # the protocol forbids a password without a user name
            flags |= 0x40
            body += encode_text(password.encode())
    return encode_packet(0x10, b"\x00\x04MQTT\x04" + bytes([flags]) + struct.pack("!H", keepalive_seconds) + body)


def publish_packet(topic: bytes, payload: bytes, *, qos: int, packet_id: int) -> bytes:
    """PUBLISH, not retained. `packet_id` is 1..65535 and is left out at QoS 0."""
    return encode_publish(PUBLISH << 4 | qos << 1, topic, packet_id, payload)


def as_redelivery(packet: bytes) -> bytes:
    """The same PUBLISH with its DUP flag set."""
    return bytes([packet[0] | 0x08]) + packet[1:]


def pubrel_packet(packet_id: int) -> bytes:
    """Second half of a QoS 2 publication."""
    return struct.pack("!BBH", 0x62, 2, packet_id)


def take_packets(buffer: bytearray) -> Iterator[tuple[int, int]]:
    """Remove whole packets from the front of `buffer`; yield (type, packet id), for CONNACK (type, flags << 8 | code).

    Packets for a publisher have at most four bytes, so a peer that sends a longer one does not speak MQTT.

    Raises:
        ValueError: the bytes are not a packet that a broker sends to a publisher.
    """
    at, end = 0, len(buffer)
    try:
        while end - at >= 2:
            length = buffer[at + 1]
            if length > 2:
                raise ValueError(f"packet of type {buffer[at]:#04x} with {length} bytes or more")
            if end - at < 2 + length:
                break
            kind = buffer[at] & 0xF0
            identifier = buffer[at + 2] << 8 | buffer[at + 3] if length == 2 else 0
            at += 2 + length
            yield kind, identifier
    finally:
        del buffer[:at]
