"""Frames: the bytes of a segment. Each frame holds its kind, its length, and a CRC-32 that proves that it is whole.

This module knows no files. The format is described in `wal/__init__.py`.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

import msgspec

from sensor_platform.errors import CheckFailed
from sensor_platform.kernel.clock import to_micros
from sensor_platform.reading.model import Envelope

FORMAT = 1
MARK = b"\xf5SPF"  # 0xF5 never occurs in UTF-8, so no JSON payload can look like the start of a frame
_HEAD = struct.Struct("<4sBB2xI")  # mark, kind, place in its commit, length of the body
_UNKNOWN, _FIRST, _LATER = 0, 1, 2
_CRC = struct.Struct("<I")  # of the ten bytes above and the body
HEAD_BYTES = _HEAD.size + _CRC.size
_BATCH = struct.Struct("<qBBHII")  # received_at us, protocol level, session_present, len(session), messages, flagged
_FLAGGED = struct.Struct("<IB")  # index of the message in its batch, flag
Buffer = bytes | bytearray | memoryview


class FrameKind(IntEnum):
    """What the body of a frame contains."""

    HEADER = 0
    MQTT = 1
    RECORDS = 2


class DamagedSegment(CheckFailed):
    """A segment holds bytes that are not a whole frame, and they are not just its torn end."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """First frame of every segment, stored as JSON."""

    format: int = FORMAT
    segment: str
    created_at: int
    """Microseconds since the epoch, UTC."""
    session: str = ""
    """Broker session at creation."""
    unreleased: tuple[int, ...] = ()
    """QoS 2 packet ids of the session that had been received but not released at creation."""


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """Facts about the packets of one MQTT batch that their bytes do not contain."""

    received_at: int
    """Microseconds since the epoch, UTC."""
    session: str
    is_session_present: bool
    level: int
    """4 for MQTT 3.1.1, 5 for MQTT 5."""
    messages: int
    """PUBLISH packets among the packets."""
    flags: Sequence[tuple[int, int]] = ()
    """(index of the message in the batch, EnvelopeFlag), only where there is a flag."""


class _Record(msgspec.Struct, frozen=True, array_like=True):
    topic: str
    payload: bytes
    received_at: int
    qos: int
    retain: bool
    dup: bool
    packet_id: int
    session: str
    flags: int
    content_type: str | None
    user_properties: tuple[tuple[str, str], ...]
    key: bytes | None
    partition: int | None
    offset: int | None


_record_decoder = msgspec.msgpack.Decoder(list[_Record])


def encode_frame(kind: FrameKind, pieces: Sequence[Buffer], *, begins_group: bool | None = None) -> bytes:
    """One frame.

    Args:
        kind: what it contains.
        pieces: its body, one after the other.
        begins_group: whether it is the first of a commit, so that what is before it in its segment was fsynced when it
            was written; None where that is not known.
    """
    place = _UNKNOWN if begins_group is None else _FIRST if begins_group else _LATER
    head = _HEAD.pack(MARK, kind, place, sum(map(len, pieces)))
    crc = zlib.crc32(head)
    for piece in pieces:
        crc = zlib.crc32(piece, crc)
    return b"".join((head, _CRC.pack(crc), *pieces))


def encode_mqtt(facts: BatchFacts, packets: Sequence[Buffer], *, begins_group: bool | None = None) -> bytes:
    """Frame of PUBLISH and PUBREL packets, byte for byte as they arrived. See `encode_frame` for `begins_group`."""
    session = facts.session.encode()
    head = _BATCH.pack(
        facts.received_at,
        facts.level,
        facts.is_session_present,
        len(session),
        facts.messages,
        len(facts.flags),
    )
    flagged = b"".join(_FLAGGED.pack(index, flag) for index, flag in facts.flags)
    return encode_frame(FrameKind.MQTT, (head, session, flagged, *packets), begins_group=begins_group)


def decode_mqtt(body: bytes) -> tuple[BatchFacts, int]:
    """The facts of an MQTT batch, and where in `body` its packets start."""
    received_at, level, present, session_bytes, messages, flagged = _BATCH.unpack_from(body)
    at = _BATCH.size + session_bytes
    start = at + flagged * _FLAGGED.size
    flags = tuple((index, flag) for index, flag in _FLAGGED.iter_unpack(body[at:start])) if flagged else ()
    session = body[_BATCH.size : at].decode()
    return BatchFacts(received_at, session, bool(present), level, messages, flags), start


def encode_records(envelopes: Iterable[Envelope], *, begins_group: bool | None = None) -> bytes:
    """Frame of whole envelopes (Kafka, HTTP, imports). `segment` and `position` follow from its place."""
    records = [
        _Record(
            e.topic,
            e.payload,
            to_micros(e.received_at),
            e.qos,
            e.retain,
            e.dup,
            e.packet_id,
            e.session,
            int(e.flags),
            e.content_type,
            e.user_properties,
            e.key,
            e.partition,
            e.offset,
        )
        for e in envelopes
    ]
    return encode_frame(FrameKind.RECORDS, (msgspec.msgpack.encode(records),), begins_group=begins_group)


def encode_record_rows(rows: Sequence[tuple[object, ...]], *, begins_group: bool | None = None) -> bytes:
    """As `encode_records`, for a source that makes the fields itself, because an object a record costs too much.

    Args:
        rows: the fields of `Envelope` in order, without segment and position; `received_at` in microseconds.
        begins_group: see `encode_frame`.
    """
    return encode_frame(FrameKind.RECORDS, (msgspec.msgpack.encode(rows),), begins_group=begins_group)


def decode_records(body: bytes) -> list[_Record]:
    """The records of a frame, with the fields of `Envelope` and `received_at` in microseconds."""
    return _record_decoder.decode(body)


def record_bytes(records: Sequence[_Record]) -> bytes:
    """The body of a frame of records; the reverse of `decode_records`."""
    return msgspec.msgpack.encode(records)


def encode_header(header: Header) -> bytes:
    """First frame of a segment."""
    return encode_frame(FrameKind.HEADER, (msgspec.json.encode(header),))


def read_frame(file: BinaryIO, room: int | None = None) -> tuple[FrameKind, bytes] | bytes:
    """Next frame of `file` as (kind, body), or the bytes read where they are not a whole frame (empty at the end).

    Args:
        file: positioned where a frame starts.
        room: maximum number of bytes to read; None for all.
    """
    head = file.read(HEAD_BYTES if room is None else min(room, HEAD_BYTES))
    if len(head) < HEAD_BYTES:
        return head
    mark, kind, _, length = _HEAD.unpack_from(head)
    if mark != MARK or kind > FrameKind.RECORDS or (room is not None and HEAD_BYTES + length > room):
        return head
    body = file.read(length)
    (crc,) = _CRC.unpack_from(head, _HEAD.size)
    if len(body) < length or zlib.crc32(body, zlib.crc32(head[: _HEAD.size])) != crc:
        return head + body
    return FrameKind(kind), body


def begins_group(head: bytes) -> bool | None:
    """Whether the frame that starts with these HEAD_BYTES is the first of a commit; None where it does not say."""
    place = _HEAD.unpack_from(head)[2]
    return None if place == _UNKNOWN else bool(place == _FIRST)


def find_frame(data: bytes) -> int | None:
    """Offset of the next whole frame in `data` after its first byte, or None."""
    view = memoryview(data)
    at = data.find(MARK, 1)
    while at >= 0:
        if len(data) - at >= HEAD_BYTES:
            _, kind, _, length = _HEAD.unpack_from(data, at)
            (crc,) = _CRC.unpack_from(data, at + _HEAD.size)
            end = at + HEAD_BYTES + length
            if kind <= FrameKind.RECORDS and end <= len(data):
                proof = zlib.crc32(view[at + HEAD_BYTES : end], zlib.crc32(view[at : at + _HEAD.size]))
                if proof == crc:
                    return at
        at = data.find(MARK, at + 1)
    return None
