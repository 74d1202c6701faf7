"""Segments written by hand."""

from collections.abc import Sequence
from pathlib import Path

from sensor_platform.wal import BatchFacts, Header, encode_mqtt
from sensor_platform.wal.segment_writer import SegmentWriter

NOON = 1_772_366_400_000_000
"""2026-03-01T12:00:00Z in microseconds."""
NAME = "col-1772366400000-00000001"


def publish(payload: bytes, topic: bytes = b"a/b", *, head: int = 0x32, properties: bytes | None = None) -> bytes:
    """A PUBLISH with packet id 7; of MQTT 5 where properties are given."""
    body = len(topic).to_bytes(2, "big") + topic + (b"\0\7" if head & 6 else b"")
    if properties is not None:
        body += bytes([len(properties)]) + properties
    body += payload
    length = bytearray()
    rest = len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length.append(digit | (128 if rest else 0))
        if not rest:
            return bytes([head]) + bytes(length) + body


def batch(
    payloads: Sequence[bytes],
    at: int = NOON,
    flags: Sequence[tuple[int, int]] = (),
    *,
    begins_group: bool | None = None,
) -> bytes:
    """A frame of messages that arrive at once."""
    facts = BatchFacts(at, "session", True, 4, len(payloads), tuple(flags))
    return encode_mqtt(facts, [publish(payload) for payload in payloads], begins_group=begins_group)


def write_segment(folder: Path, *batches: Sequence[bytes], name: str = NAME, is_sealed: bool = True) -> Path:
    """A segment with a committed frame per batch, each a second after the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = SegmentWriter(folder, Header(segment=name, created_at=NOON))
    for number, payloads in enumerate(batches):
        writer.append([batch(payloads, NOON + number * 1_000_000)])
        writer.commit()
    if is_sealed:
        return writer.seal()
    writer.close()
    return writer.path
