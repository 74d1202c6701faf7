"""The write-ahead log between the sources of messages and the tables. Only this room writes its segments.

MQTT, Kafka and HTTP write through `open_wal` and `WalWriter`; the lander and the live process read. A segment is called
`<collector>-<boot>-<seq>` and is stored in three places, one after the other, always with the same bytes:

- `wal/<segment>.open` while it is written (`ingest/` instead of `wal/` for HTTP). Only the bytes before the committed
  offset (`<collector>.committed` in the same folder) are safe; nobody reads past it while the writer runs.
- `wal/<segment>.wal` once sealed: cut to what was committed, fsynced, renamed, folder fsynced.
- `raw/<yyyy-mm-dd>/<segment>.zst`, the same bytes compressed with zstd, once landed.

Format 1. A segment is a sequence of frames; all integers are little-endian:

    frame   4 bytes F5 'S' 'P' 'F'; u8 kind; u8 place (1: first frame of a commit, 2: a later one, 0: not known); 2 zero
            bytes; u32 length of the body; u32 CRC-32 of the 12 bytes before and the body; body
    kind 0  header, first and only once: JSON {format, segment, created_at, session, unreleased}
    kind 1  MQTT batch: i64 received_at (microseconds since the epoch, UTC); u8 protocol level (4 = 3.1.1, 5 = 5);
            u8 session_present; u16 length of the session id; u32 messages; u32 flagged; session id (UTF-8);
            flagged x (u32 index of the message in the batch, u8 EnvelopeFlag); then PUBLISH and PUBREL packets,
            byte for byte as the broker sent them
    kind 2  records: msgpack array of envelopes as arrays (sources without packets: Kafka, HTTP, imports)

A message's position is its ordinal in the segment, from 0; PUBREL packets are not counted, duplicates are.
A torn tail is what follows the last whole frame of an `.open` segment: a write that was never acknowledged. Bytes that
are not a whole frame are damage where one follows, or where the committed offset says that they were acknowledged:
readers raise `DamagedSegment`, or report and skip them. Recovery decides which it is; see `recovery.py`.

In `raw/` single messages can be blanked (`redact.py`): a person had their device forgotten. Everything keeps its place.

Readers: `read_batches` (lists per field, about 0.6 microseconds per message) and `read_envelopes` (one by one).
"""

from sensor_platform.wal.archive import archive_segment, current_path, newest_segments_first
from sensor_platform.wal.committed_offset import CommittedOffset, read_committed_offset
from sensor_platform.wal.device_messages import DeviceOutbox, take_device_messages
from sensor_platform.wal.frames import (
    FORMAT,
    HEAD_BYTES,
    BatchFacts,
    DamagedSegment,
    FrameKind,
    Header,
    decode_mqtt,
    decode_records,
    encode_mqtt,
    encode_record_rows,
    encode_records,
    read_frame,
)
from sensor_platform.wal.offset_gaps import OffsetGap, add_gap, read_gaps
from sensor_platform.wal.packet_columns import Extra
from sensor_platform.wal.recovery import Recovered, recover_segments
from sensor_platform.wal.redact import archive_redacted, is_blanked
from sensor_platform.wal.segment_name import SegmentName, check_collector, parse_name, segment_names
from sensor_platform.wal.segment_reader import (
    Batch,
    DamagedBytes,
    Frame,
    envelope_of,
    open_segment,
    read_batches,
    read_envelopes,
    read_frames,
    read_header,
)
from sensor_platform.wal.segment_writer import delete_segment
from sensor_platform.wal.tail import LandedSegments, Place, SegmentGone, Tail
from sensor_platform.wal.writer import WalFolders, WalWriter, open_wal

__all__ = [
    "FORMAT",
    "HEAD_BYTES",
    "Batch",
    "BatchFacts",
    "CommittedOffset",
    "DamagedBytes",
    "DamagedSegment",
    "DeviceOutbox",
    "Extra",
    "Frame",
    "FrameKind",
    "Header",
    "LandedSegments",
    "OffsetGap",
    "Place",
    "Recovered",
    "SegmentGone",
    "SegmentName",
    "Tail",
    "WalFolders",
    "WalWriter",
    "add_gap",
    "archive_redacted",
    "archive_segment",
    "check_collector",
    "current_path",
    "decode_mqtt",
    "decode_records",
    "delete_segment",
    "encode_mqtt",
    "encode_record_rows",
    "encode_records",
    "envelope_of",
    "is_blanked",
    "newest_segments_first",
    "open_segment",
    "open_wal",
    "parse_name",
    "read_batches",
    "read_committed_offset",
    "read_envelopes",
    "read_frame",
    "read_frames",
    "read_gaps",
    "read_header",
    "recover_segments",
    "segment_names",
    "take_device_messages",
]
