"""MQTT packets of a segment as columns: the lander's fast path, about half a microsecond per message.

The packets need no checks here: the collector checked them before it wrote them, and the CRC covers them since.
"""

from dataclasses import dataclass

from sensor_platform.wal.mqtt_packet import read_varint

_USER_PROPERTY = 0x26
_CONTENT_TYPE = 0x03
_BYTE, _TWO, _FOUR, _VARINT, _TEXT, _PAIR = range(6)
# MQTT 5, table 2-4: every property that a broker may send in a PUBLISH
_PROPERTY_TYPES = {
    0x01: _BYTE,  # payload format
    0x02: _FOUR,  # message expiry
    _CONTENT_TYPE: _TEXT,
    0x08: _TEXT,  # response topic
    0x09: _TEXT,  # correlation data
    0x0B: _VARINT,  # subscription identifier
    0x23: _TWO,  # topic alias
    _USER_PROPERTY: _PAIR,
}
_MAX_TOPICS = 100_000  # bound of the topic cache, against a site that publishes a topic per message


@dataclass(frozen=True, slots=True)
class Extra:
    """Optional parts of a message: MQTT 5 properties, Kafka coordinates."""

    content_type: str | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    key: bytes | None = None
    partition: int | None = None
    offset: int | None = None


@dataclass(slots=True)
class Columns:
    """Messages of one batch, one list per field, all of the same length."""

    topics: list[str]
    payloads: list[bytes]
    heads: list[int]
    """First byte of the PUBLISH: bit 0 retain, bits 1-2 QoS, bit 3 dup."""
    packet_ids: list[int]
    extras: dict[int, Extra]
    """By index of the message; only messages with properties have one."""


def read_columns(data: bytes, at: int, level: int, topics: dict[bytes, str]) -> Columns:
    """PUBLISH packets of `data` from `at` to its end; PUBREL packets are skipped. A hot loop, so inlined.

    Args:
        data: whole packets.
        at: where the first packet starts.
        level: 4 (no properties) or 5.
        topics: cache of decoded topics, shared between batches.
    """
    columns = Columns([], [], [], [], {})
    names, payloads, heads, ids = columns.topics, columns.payloads, columns.heads, columns.packet_ids
    end = len(data)
    while at < end:
        head = data[at]
        length = data[at + 1]
        body = at + 2
        if length > 127:
            if data[body] < 128:
                length = length & 127 | data[body] << 7
                body += 1
            else:
                length, body = read_varint(data, at + 1)
        at = body + length
        if head >> 4 != 3:
            continue
        start = body + 2
        stop = start + (data[body] << 8 | data[body + 1])
        raw_topic = data[start:stop]
        topic = topics.get(raw_topic)
        if topic is None:
            topic = _decode_topic(raw_topic, topics)
        if head & 6:
            ids.append(data[stop] << 8 | data[stop + 1])
            stop += 2
        else:
            ids.append(0)
        if level == 5:
            if data[stop]:
                stop = _read_extra(data, stop, len(names), columns.extras)
            else:
                stop += 1
        names.append(topic)
        heads.append(head)
        payloads.append(data[stop:at])
    return columns


def _decode_topic(raw: bytes, topics: dict[bytes, str]) -> str:
    if len(topics) >= _MAX_TOPICS:
        topics.clear()
    topic = topics[raw] = raw.decode("utf-8", "backslashreplace")
    return topic


def _read_extra(data: bytes, at: int, index: int, extras: dict[int, Extra]) -> int:
    length, at = read_varint(data, at)
    extra = read_properties(data[at : at + length])
    if extra is not None:
        extras[index] = extra
    return at + length


def read_properties(data: bytes) -> Extra | None:
    """Content type and user properties among the properties of a PUBLISH; None if it has neither.

    Stops at a property that MQTT 5 does not define, because its length is unknown.
    """
    content_type: str | None = None
    user: list[tuple[str, str]] = []
    at = 0
    while at < len(data):
        identifier = data[at]
        kind = _PROPERTY_TYPES.get(identifier)
        at += 1
        if kind in (_TEXT, _PAIR):
            text, at = _read_text(data, at)
            if kind == _PAIR:
                value, at = _read_text(data, at)
                user.append((text, value))
            elif identifier == _CONTENT_TYPE:
                content_type = text
        elif kind == _VARINT:
            _, at = read_varint(data, at)
        elif kind is None:
            break
        else:
            at += {_BYTE: 1, _TWO: 2, _FOUR: 4}[kind]
    return Extra(content_type, tuple(user)) if content_type is not None or user else None


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    length = data[at] << 8 | data[at + 1]
    return data[at + 2 : at + 2 + length].decode("utf-8", "backslashreplace"), at + 2 + length
