"""Blanks single messages of a segment: topic, payload, properties and key are overwritten, everything else stays.

A blanked message keeps its place, its length, its time and its flags, so positions, offsets and counts of the segment
stay what they were. Its topic is as long as before and consists of DEL characters only.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec
import zstandard

from sensor_platform.kernel.durable import replacing
from sensor_platform.wal.frames import (
    Buffer,
    FrameKind,
    decode_mqtt,
    decode_records,
    encode_frame,
    read_frame,
    record_bytes,
)
from sensor_platform.wal.mqtt_packet import PUBLISH, encode_varint, read_varint
from sensor_platform.wal.segment_reader import open_segment

_BLANK = "\x7f"
_LEVEL = 1


def is_blanked(topic: str) -> bool:
    """Whether a message of the raw archive with this topic was blanked."""
    return topic != "" and not topic.strip(_BLANK)


def archive_redacted(segment: Path, target: Path, positions: Collection[int]) -> None:
    """Write a copy of a segment as `.zst`, durably, in which the messages at these positions are blanked.

    Args:
        segment: `.wal` or `.zst`.
        target: where to.
        positions: ordinals in the segment.

    Raises:
        OSError: it cannot be written now.
        DamagedSegment: an archived segment cannot be decompressed.
    """
    wanted = frozenset(positions)
    with replacing(target) as temporary, open_segment(segment) as source, temporary.open("wb") as out:
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        with compressor.stream_writer(out, closefd=False) as stream:
            position = 0
            while True:
                frame = read_frame(source)
                if isinstance(frame, bytes):  # the end, or damaged bytes: they are of no message that can be read
                    stream.write(frame)
                    rest = source.read()
                    stream.write(rest)
                    break
                kind, body = frame
                blanked, position = _blanked(kind, body, position, wanted)
                stream.write(encode_frame(kind, blanked))


def _blanked(kind: FrameKind, body: bytes, position: int, wanted: frozenset[int]) -> tuple[Sequence[Buffer], int]:
    """The pieces of the frame's body with its wanted messages blanked, and the position after it."""
    if kind == FrameKind.MQTT:
        facts, start = decode_mqtt(body)
        end = position + facts.messages
        if wanted.isdisjoint(range(position, end)):
            return (body,), end
        return _blank_packets(body, start, facts.level, position, wanted), end
    if kind == FrameKind.RECORDS:
        records = decode_records(body)
        end = position + len(records)
        if wanted.isdisjoint(range(position, end)):
            return (body,), end
        blank = [
            msgspec.structs.replace(
                record,
                topic=_BLANK * len(record.topic.encode()),
                payload=bytes(len(record.payload)),
                content_type=None if record.content_type is None else _BLANK * len(record.content_type.encode()),
                user_properties=tuple(
                    (_BLANK * len(name.encode()), _BLANK * len(value.encode()))
                    for name, value in record.user_properties
                ),
                key=None if record.key is None else bytes(len(record.key)),
            )
            if position + index in wanted
            else record
            for index, record in enumerate(records)
        ]
        return (record_bytes(blank),), end
    return (body,), position


def _blank_packets(body: bytes, start: int, level: int, position: int, wanted: frozenset[int]) -> list[Buffer]:
    pieces: list[Buffer] = [body[:start]]
    at = start
    while at < len(body):
        head = body[at]
        length, content = read_varint(body, at + 1)
        end = content + length
        if head >> 4 != PUBLISH:
            pieces.append(body[at:end])
        else:
            pieces.append(_blank(body, at, content, end, level) if position in wanted else body[at:end])
            position += 1
        at = end
    return pieces


def _blank(body: bytes, at: int, content: int, end: int, level: int) -> bytes:
    """A PUBLISH packet of the same length without its content; properties of MQTT 5 become part of the payload."""
    topic_bytes = body[content] << 8 | body[content + 1]
    stop = content + 2 + topic_bytes
    number = body[stop : stop + 2] if body[at] & 6 else b""
    no_properties = encode_varint(0) if level == 5 else b""
    kept = body[at : content + 2] + _BLANK.encode() * topic_bytes + number + no_properties
    return kept + bytes(end - at - len(kept))
