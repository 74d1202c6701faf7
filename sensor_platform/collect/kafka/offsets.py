"""Which messages of Kafka are on disk already: the next offset of each partition, in memory and beside the WAL.

Written before a segment is handed over; what is younger is in the collector's own segments in `wal/`. So a message that
Kafka delivers again after a kill, because its offset was not committed in time, is known.
"""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sensor_platform.durable import write_file
from sensor_platform.landing.segments import parse_name, read_envelopes

Partition = tuple[str, int]
"""Topic and number."""


@dataclass(slots=True)
class Offsets:
    """The next offset that is new, by partition."""

    path: Path
    expected: dict[Partition, int] = field(default_factory=dict)

    def is_new(self, topic: str, partition: int, offset: int) -> bool:
        """Whether it is not on disk yet; from now on it counts as if it were."""
        if offset < self.expected.get((topic, partition), 0):
            return False
        self.expected[topic, partition] = offset + 1
        return True

    def save(self) -> None:
        """Durably, by rename.

        Raises:
            OSError: the disk does not allow it now.
        """
        rows = [[topic, partition, offset] for (topic, partition), offset in sorted(self.expected.items())]
        write_file(self.path, msgspec.json.encode(rows))


def known_offsets(wal: Path, collector: str) -> Offsets:
    """What a collector before this one had on disk; its open segments are recovered already."""
    offsets = Offsets(wal / f"{collector}.offsets.json")
    if offsets.path.exists():
        rows = msgspec.json.decode(offsets.path.read_bytes(), type=list[tuple[str, int, int]])
        offsets.expected = {(topic, partition): offset for topic, partition, offset in rows}
    for path in sorted(wal.glob("*.wal")):
        name = parse_name(path.stem)
        if name is None or name.collector != collector:
            continue
        for envelope in read_envelopes(path):
            if envelope.partition is not None and envelope.offset is not None:
                key = (envelope.topic, envelope.partition)
                offsets.expected[key] = max(envelope.offset + 1, offsets.expected.get(key, 0))
    return offsets
