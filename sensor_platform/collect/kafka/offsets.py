"""Which records of Kafka are stored already, by topic and partition: in memory and in a file beside the WAL.

The file is written before a segment is sealed; newer records are read back from the collector's own segments. So a
record that Kafka delivers again after a kill, because its offset was not committed in time, is recognised.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.wal import DamagedSegment, current_path, newest_segments_first, parse_name, read_envelopes

log = logging.getLogger(__name__)
TIMESTAMP_HEADER = "kafka.timestamp"
"""Header that we add: the time of the record, milliseconds since the epoch. A contract can use it as event time."""
_MAX_SEGMENTS = 512  # maximum number of segments that are read where the file is lost

Partition = tuple[str, int]
"""Topic and number."""


class PartitionProgress(msgspec.Struct, array_like=True):
    """How far the records of a partition are stored."""

    next: int = 0
    """The offset after the last record."""
    newest: int = -1
    """Time of the newest record, milliseconds since the epoch; -1 where records have none."""


class _File(msgspec.Struct):
    segment: str
    """The newest segment whose records may be in the file."""
    partitions: list[tuple[str, int, PartitionProgress]]


@dataclass(slots=True)
class StoredOffsets:
    """The stored records, by partition."""

    path: Path
    known: dict[Partition, PartitionProgress] = field(default_factory=dict)

    def is_new(self, topic: str, partition: int, offset: int, milliseconds: int) -> bool:
        """Whether a record is not stored yet; it is added.

        A low offset with a time after all stored records is not a repeat: the topic was created again, from 0.
        """
        known = self.known.setdefault((topic, partition), PartitionProgress())
        is_new = offset >= known.next
        if not is_new and milliseconds > known.newest:
            log.warning("%s/%d was created again: its records are not repeats", topic, partition)
            is_new = True
        if is_new:
            known.next = offset + 1
            known.newest = max(known.newest, milliseconds)
        return is_new

    def save(self, segment: str) -> None:
        """Replace the file durably.

        Args:
            segment: the open segment; older ones need not be read at the next start.

        Raises:
            OSError: the disk fails now.
        """
        rows = [(topic, number, known) for (topic, number), known in sorted(self.known.items())]
        write_file(self.path, msgspec.json.encode(_File(segment, rows)))


def load_stored_offsets(home: Home, collector: str) -> StoredOffsets:
    """The records that earlier runs have stored; their open segments must have been recovered."""
    offsets = StoredOffsets(home.wal / f"{collector}.offsets.json")
    done = ""
    try:
        kept = msgspec.json.decode(offsets.path.read_bytes(), type=_File)
        offsets.known = {(topic, number): known for topic, number, known in kept.partitions}
        done = kept.segment
    except (FileNotFoundError, msgspec.DecodeError):
        pass  # the segments hold the same
    for path in _newer(home, collector, done):
        _count(path, offsets.known)
    return offsets


def _newer(home: Home, collector: str, done: str) -> Iterator[Path]:
    """Segments after `done`, oldest first."""
    last = parse_name(done)
    found: list[Path] = []
    for path in newest_segments_first(home, collector):
        name = parse_name(path.stem)
        if len(found) == _MAX_SEGMENTS or (last and name and name <= last):
            break
        found.append(path)
    return reversed(found)


def _count(path: Path, every: dict[Partition, PartitionProgress]) -> None:
    try:
        for envelope in read_envelopes(current_path(path)):
            if envelope.partition is not None and envelope.offset is not None:
                known = every.setdefault((envelope.topic, envelope.partition), PartitionProgress())
                known.next = max(known.next, envelope.offset + 1)
                known.newest = max(known.newest, int(dict(envelope.user_properties).get(TIMESTAMP_HEADER, -1)))
    except (DamagedSegment, FileNotFoundError):
        return  # the lander reports a damaged segment; here it means only that less is known
