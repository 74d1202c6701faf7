"""Which records of Kafka are stored already, by topic and partition: in memory and in a file beside the WAL.

The file is written before a segment is sealed; newer records are read back from the collector's own segments. So a
record that Kafka delivers again after a kill, because its offset was not committed in time, is recognised.
"""

import contextlib
import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sensor_platform.collect.kafka.partition_progress import PartitionProgress, PartitionRecords
from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.wal import (
    DamagedSegment,
    SegmentName,
    current_path,
    newest_segments_first,
    parse_name,
    read_envelopes,
)

log = logging.getLogger(__name__)
TIMESTAMP_HEADER = "kafka.timestamp"
"""Header that we add: the time of the record, milliseconds since the epoch. A contract can use it as event time."""
_MAX_SEGMENTS = 512  # maximum number of segments that are read where the file is lost
_KNOWN_SEGMENTS = 2  # segments that are read although the file covers them: for the times of their records

Partition = tuple[str, int]
"""Topic and number."""


class _File(msgspec.Struct):
    segment: str
    """The newest segment whose records may be in the file."""
    partitions: list[tuple[str, int, PartitionProgress]]
    home_id: str = ""
    """Made up once; what this data folder commits to Kafka carries it."""


@dataclass(slots=True)
class StoredOffsets:
    """The stored records, by partition."""

    path: Path
    known: dict[Partition, PartitionProgress] = field(default_factory=dict)
    records: dict[Partition, PartitionRecords] = field(default_factory=dict)
    segment: str = ""
    """Newest segment whose records may be in the file."""
    home_id: str = field(default_factory=lambda: secrets.token_hex(8))
    """Which data folder has committed an offset."""

    def is_new(self, topic: str, partition: int, offset: int, milliseconds: int) -> bool:
        """Whether a record is to be landed, which is stored from now on."""
        return judge((topic, partition), self.of(topic, partition), offset, milliseconds) != EnvelopeFlag.DUPLICATE

    def of(self, topic: str, partition: int) -> PartitionRecords:
        """The records of a partition."""
        key = (topic, partition)
        if key not in self.records:
            self.records[key] = PartitionRecords(self.known.setdefault(key, PartitionProgress()))
        return self.records[key]

    def save(self, segment: str) -> None:
        """Replace the file durably.

        Args:
            segment: the open segment, or the last one; older ones need not be read at the next start.

        Raises:
            OSError: the disk fails now.
        """
        rows = [(topic, number, known) for (topic, number), known in sorted(self.known.items())]
        write_file(self.path, msgspec.json.encode(_File(segment, rows, self.home_id)))
        self.segment = segment


def judge(
    place: Partition, records: PartitionRecords, offset: int, milliseconds: int, payload: bytes = b""
) -> EnvelopeFlag:
    """The flag of a record, which is stored from now on: a duplicate only where it is proved to be stored."""
    before = records.progress.next
    flag = records.judge(offset, milliseconds, payload)
    if flag == EnvelopeFlag.NONE and offset < before:
        log.warning("%s/%d was made again: its records are not repeats", *place)
    return flag


def load_stored_offsets(home: Home, collector: str) -> StoredOffsets:
    """The records that earlier runs have stored; their open segments must have been recovered."""
    offsets = StoredOffsets(home.wal / f"{collector}.offsets.json")
    done = ""
    try:
        kept = msgspec.json.decode(offsets.path.read_bytes(), type=_File)
        offsets.known = {(topic, number): known for topic, number, known in kept.partitions}
        done = offsets.segment = kept.segment
        offsets.home_id = kept.home_id or offsets.home_id
    except (FileNotFoundError, msgspec.DecodeError):
        pass  # the segments hold the same
    last = parse_name(done)
    for path in _newer(home, collector, last):
        name = parse_name(path.stem)
        _read_back(path, offsets, is_counted=bool(last and name and name <= last))
    return offsets


def doubtful_records(home: Home, collector: str, place: Partition, first: int) -> dict[int, tuple[int, int]]:
    """Time and hash of the payload of stored records by offset, from an offset on; reads sealed segments.

    Args:
        home: the data folder.
        collector: its name.
        place: the partition.
        first: the first offset.
    """
    found: dict[int, tuple[int, int]] = {}
    for number, path in enumerate(newest_segments_first(home, collector)):
        offsets: list[int] = []
        with contextlib.suppress(DamagedSegment, FileNotFoundError):
            for each in read_envelopes(current_path(path)):
                if (each.topic, each.partition) == place and each.offset is not None and not each.flags:
                    offsets.append(each.offset)
                    if each.offset >= first:
                        at = int(dict(each.user_properties).get(TIMESTAMP_HEADER, -1))
                        found.setdefault(each.offset, (at, hash(each.payload)))
        if number >= _MAX_SEGMENTS or (offsets and min(offsets) < first):
            break
    return found


def _newer(home: Home, collector: str, last: SegmentName | None) -> Iterator[Path]:
    """Segments after the last one that the file counts, and a few before it, oldest first."""
    found: list[Path] = []
    covered = 0
    for path in newest_segments_first(home, collector):
        name = parse_name(path.stem)
        covered += bool(last and name and name <= last)
        if len(found) == _MAX_SEGMENTS or covered > _KNOWN_SEGMENTS:
            break
        found.append(path)
    return reversed(found)


def _read_back(path: Path, offsets: StoredOffsets, *, is_counted: bool) -> None:
    try:
        for envelope in read_envelopes(current_path(path)):
            if envelope.partition is None or envelope.offset is None or envelope.flags:
                continue  # neither a repeat nor what may be one says how far the partition is stored
            at = int(dict(envelope.user_properties).get(TIMESTAMP_HEADER, -1))
            offsets.of(envelope.topic, envelope.partition).read_back(envelope.offset, at, is_counted=is_counted)
    except (DamagedSegment, FileNotFoundError):
        return  # the lander reports a damaged segment; here it means only that less is known
