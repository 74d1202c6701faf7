"""Reads segments: `.open` (being written), `.wal` (sealed) and `.zst` (archived)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from sensor_platform.kernel.clock import utc_from_micros
from sensor_platform.reading.model import Envelope, EnvelopeFlag
from sensor_platform.wal.archive import ZstdStream
from sensor_platform.wal.frames import (
    FORMAT,
    HEAD_BYTES,
    BatchFacts,
    DamagedSegment,
    FrameKind,
    Header,
    decode_mqtt,
    decode_records,
    find_frame,
    read_frame,
)
from sensor_platform.wal.packet_columns import Columns, Extra, read_columns


@dataclass(frozen=True, slots=True)
class DamagedBytes:
    """Bytes of a segment that are not a whole frame although whole frames follow: a disk error, not a torn write."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole frame and where it ends in the (uncompressed) segment."""

    kind: FrameKind
    body: bytes
    end: int


@dataclass(slots=True)
class Batch:
    """Messages of one frame, one list per field, all of the same length."""

    position: int
    """Ordinal of the first message in its segment; the others follow."""
    end: int
    """Offset in the uncompressed segment where the next frame starts; resume with (end, position + len(batch))."""
    session: str
    topics: list[str]
    payloads: list[bytes]
    received_at: list[int]
    """Microseconds since the epoch, UTC."""
    heads: list[int]
    """First byte of an MQTT PUBLISH: bit 0 retain, bits 1-2 QoS, bit 3 dup."""
    packet_ids: list[int]
    flags: dict[int, int]
    """EnvelopeFlag by index, only where there is one."""
    extras: dict[int, Extra]
    """MQTT 5 properties and Kafka coordinates by index, only where there are any."""

    def __len__(self) -> int:
        return len(self.topics)


def read_batches(
    path: Path,
    *,
    offset: int = 0,
    position: int = 0,
    end: int | None = None,
    damage: list[DamagedBytes] | None = None,
) -> Iterator[Batch]:
    """Messages of a segment, batch by batch; the fast path.

    Args:
        path: `.open`, `.wal` or `.zst`.
        offset: where to start in the uncompressed segment; the `end` of an earlier batch.
        position: ordinal of the first message there.
        end: read no further than this offset. Needed for an `.open` segment of a live collector: its committed offset.
        damage: a list to which damaged ranges are added, which are then skipped; without it they raise an error.

    Raises:
        DamagedSegment: bytes that are not a whole frame, other than the torn end of an `.open` segment.
        FileNotFoundError: the lander has archived the segment meanwhile.
    """
    topics: dict[bytes, str] = {}
    for frame in read_frames(path, offset=offset, end=end, damage=damage):
        if frame.kind == FrameKind.HEADER:
            continue
        batch = batch_of(frame, position, topics)
        position += len(batch)
        yield batch


def batch_of(frame: Frame, position: int, topics: dict[bytes, str]) -> Batch:
    """Messages of one frame that is not a header.

    Args:
        frame: of kind MQTT or RECORDS.
        position: ordinal in the segment of its first message.
        topics: cache, kept between frames.
    """
    if frame.kind == FrameKind.MQTT:
        facts, start = decode_mqtt(frame.body)
        return _mqtt_batch(facts, read_columns(frame.body, start, facts.level, topics), position, frame.end)
    return _record_batch(frame, position)


def read_envelopes(path: Path, *, end: int | None = None) -> Iterator[Envelope]:
    """Messages of a segment one by one; convenient, and about eight times slower than `read_batches`.

    Raises:
        DamagedSegment: see `read_batches`.
    """
    segment = path.name.rpartition(".")[0]
    for batch in read_batches(path, end=end):
        for index in range(len(batch)):
            yield envelope_of(batch, index, segment)


def envelope_of(batch: Batch, index: int, segment: str) -> Envelope:
    """One message of a batch."""
    head = batch.heads[index]
    extra = batch.extras.get(index) or Extra()
    return Envelope(
        topic=batch.topics[index],
        payload=batch.payloads[index],
        received_at=utc_from_micros(batch.received_at[index]),
        segment=segment,
        position=batch.position + index,
        qos=head >> 1 & 3,
        retain=bool(head & 1),
        dup=bool(head & 8),
        packet_id=batch.packet_ids[index],
        session=batch.session,
        flags=EnvelopeFlag(batch.flags.get(index, 0)),
        content_type=extra.content_type,
        user_properties=extra.user_properties,
        key=extra.key,
        partition=extra.partition,
        offset=extra.offset,
    )


def read_header(path: Path) -> Header:
    """First frame of a segment.

    Raises:
        DamagedSegment: the file does not start with a whole header, or is of a newer format.
    """
    for frame in read_frames(path):
        return _checked_header(path, frame.body)
    raise DamagedSegment(f"{path} holds no header", "it was cut before its first commit and can be deleted")


def read_frames(
    path: Path, *, offset: int = 0, end: int | None = None, damage: list[DamagedBytes] | None = None
) -> Iterator[Frame]:
    """Whole frames of a segment. Arguments and errors are those of `read_batches`."""
    with open_segment(path) as file:
        _skip(file, offset)
        at = offset
        first = offset == 0
        while True:
            frame = read_frame(file, None if end is None else end - at)
            if isinstance(frame, bytes):
                rest = frame + file.read(-1 if end is None else max(0, end - at - len(frame)))
                skip = find_frame(rest)
                is_tail = skip is None and end is None
                _report(path, DamagedBytes(at, len(rest) if skip is None else skip), damage, is_tail=is_tail)
                if skip is None:
                    return
                first = False
                file = cast("BinaryIO", BytesIO(rest[skip:]))  # noqa: PLW2901 - the rest is in memory now
                at += skip
                continue
            kind, body = frame
            at += HEAD_BYTES + len(body)
            if first:
                _checked_header(path, body if kind == FrameKind.HEADER else b"")
                first = False
            yield Frame(kind, body, at)


@contextmanager
def open_segment(path: Path) -> Iterator[BinaryIO]:
    """Open a segment for reading its uncompressed bytes forward."""
    with path.open("rb") as file:
        yield cast("BinaryIO", ZstdStream(file, path)) if path.suffix == ".zst" else file


def _mqtt_batch(facts: BatchFacts, columns: Columns, position: int, end: int) -> Batch:
    return Batch(
        position=position,
        end=end,
        session=facts.session,
        topics=columns.topics,
        payloads=columns.payloads,
        received_at=[facts.received_at] * len(columns.topics),
        heads=columns.heads,
        packet_ids=columns.packet_ids,
        flags=dict(facts.flags),
        extras=columns.extras,
    )


def _record_batch(frame: Frame, position: int) -> Batch:
    records = decode_records(frame.body)
    extras: dict[int, Extra] = {}
    for index, r in enumerate(records):
        extra = Extra(r.content_type, r.user_properties, r.key, r.partition, r.offset)
        if extra != Extra():
            extras[index] = extra
    return Batch(
        position=position,
        end=frame.end,
        session=records[0].session if records else "",
        topics=[r.topic for r in records],
        payloads=[r.payload for r in records],
        received_at=[r.received_at for r in records],
        heads=[0x30 | r.dup << 3 | r.qos << 1 | r.retain for r in records],
        packet_ids=[r.packet_id for r in records],
        flags={index: r.flags for index, r in enumerate(records) if r.flags},
        extras=extras,
    )


def _skip(file: BinaryIO, count: int) -> None:
    if isinstance(file, ZstdStream):
        file.skip(count)
    else:
        file.seek(count)


def _report(path: Path, found: DamagedBytes, damage: list[DamagedBytes] | None, *, is_tail: bool) -> None:
    """Accept the torn tail of an open segment; add everything else to `damage`, or raise an error."""
    if found.length == 0 or (is_tail and path.suffix == ".open"):
        return
    if damage is None:
        raise DamagedSegment(
            f"{path} is damaged at byte {found.offset}",
            "check the disk; the lander keeps the damaged bytes aside; the broker has no copy of acknowledged messages",
        )
    damage.append(found)


def _checked_header(path: Path, body: bytes) -> Header:
    try:
        header = msgspec.json.decode(body, type=Header)
    except msgspec.DecodeError as error:
        raise DamagedSegment(
            f"{path} has no readable header", "it is not a segment, or its start is damaged"
        ) from error
    if header.format != FORMAT:
        raise DamagedSegment(
            f"{path} has format {header.format}, this version reads {FORMAT}", "use the version that wrote it"
        )
    return header
