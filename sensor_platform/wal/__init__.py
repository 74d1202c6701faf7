"""Segments: the write-ahead log between the broker and the tables. Written by collect, read by land and live.

A segment is called `<collector>-<boot>-<seq>` and lives three lives, always with the same bytes:

- `wal/<segment>.open` while the collector appends to it. Only the bytes before the committed mark
  (`wal/<collector>.committed`) are safe; nobody reads past it while the collector runs.
- `wal/<segment>.wal` once sealed: cut to what was committed, fsynced, renamed, folder fsynced.
- `raw/<yyyy-mm-dd>/<segment>.zst`, zstd of the very same bytes, once landed.

Format 1. A segment is a sequence of frames; all integers are little-endian:

    frame   4 bytes F5 'S' 'P' 'F'; u8 kind; 3 zero bytes; u32 length of the body; u32 CRC-32 of the 12 bytes before
            and the body; body
    kind 0  header, first and only once: JSON {format, segment, created_at, session, unreleased}
    kind 1  MQTT batch: i64 received_at (microseconds since the epoch, UTC); u8 protocol level (4 = 3.1.1, 5 = 5);
            u8 session_present; u16 length of the session id; u32 messages; u32 flagged; session id (UTF-8);
            flagged x (u32 index of the message in the batch, u8 EnvelopeFlag); then PUBLISH and PUBREL packets,
            byte for byte as the broker sent them
    kind 2  records: msgpack array of envelopes as arrays (sources that have no packets: Kafka, HTTP, imports)

A message's position is its ordinal in the segment (from 0), PUBREL packets not counted, duplicates counted.
A torn tail is what follows the last whole frame of an `.open` segment: a write that was never acknowledged. Bytes that
are no whole frame but are followed by one are damage; readers raise `DamagedSegment` or, when asked, report and pass.

Readers: `read_batches` (lists per field, about 0.6 microseconds per message) and `read_envelopes` (one by one).
"""

from sensor_platform.wal.committed_offset import (
    CommittedOffset,
    CommittedOffsetFile,
    committed_path,
    read_committed_offset,
)
from sensor_platform.wal.frames import (
    FORMAT,
    BatchFacts,
    DamagedSegment,
    FrameKind,
    Header,
    encode_mqtt,
    encode_records,
)
from sensor_platform.wal.packet_columns import Extra
from sensor_platform.wal.past_segments import current_path, newest_segments_first
from sensor_platform.wal.recovery import Recovered, recover_segment, recover_segments
from sensor_platform.wal.segment_name import SegmentName, check_collector, parse_name, segment_names
from sensor_platform.wal.segment_reader import (
    Batch,
    DamagedRange,
    Frame,
    envelope_of,
    open_segment,
    read_batches,
    read_envelopes,
    read_frames,
    read_header,
)
from sensor_platform.wal.segment_writer import SegmentWriter, cut_file, discard_file, seal_file

__all__ = [
    "FORMAT",
    "Batch",
    "BatchFacts",
    "CommittedOffset",
    "CommittedOffsetFile",
    "DamagedRange",
    "DamagedSegment",
    "Extra",
    "Frame",
    "FrameKind",
    "Header",
    "Recovered",
    "SegmentName",
    "SegmentWriter",
    "check_collector",
    "committed_path",
    "current_path",
    "cut_file",
    "discard_file",
    "encode_mqtt",
    "encode_records",
    "envelope_of",
    "newest_segments_first",
    "open_segment",
    "parse_name",
    "read_batches",
    "read_committed_offset",
    "read_envelopes",
    "read_frames",
    "read_header",
    "recover_segment",
    "recover_segments",
    "seal_file",
    "segment_names",
]
