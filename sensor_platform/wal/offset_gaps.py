"""Records of Kafka that were gone before they were read: a file beside the WAL, which the audit reports."""

from pathlib import Path

import msgspec

from sensor_platform.kernel.durable import write_file

_SUFFIX = ".gaps.json"


class OffsetGap(msgspec.Struct, frozen=True, kw_only=True):
    """Offsets of a partition that Kafka no longer had when they were to be read."""

    topic: str
    partition: int
    first: int
    last: int
    """Last offset, included."""
    topic_id: str = ""
    noted_at: int = 0
    """Microseconds since the epoch, UTC."""

    @property
    def count(self) -> int:
        """Number of offsets; with compaction or transactions fewer of them were records."""
        return self.last - self.first + 1


_list_of_gaps = msgspec.json.Decoder(list[OffsetGap])


def read_gaps(wal: Path) -> list[OffsetGap]:
    """The gaps of all collectors of a home, oldest first.

    Args:
        wal: the folder of the WAL.
    """
    found: list[OffsetGap] = []
    for path in sorted(wal.glob(f"*{_SUFFIX}")):
        found += _read(path)
    return sorted(found, key=lambda gap: gap.noted_at)


def add_gap(wal: Path, collector: str, gap: OffsetGap) -> None:
    """Keep a gap durably; one that begins where a known one begins replaces it.

    Raises:
        OSError: the disk fails now.
    """
    path = wal / f"{collector}{_SUFFIX}"
    place = (gap.topic, gap.topic_id, gap.partition, gap.first)
    kept = [each for each in _read(path) if (each.topic, each.topic_id, each.partition, each.first) != place]
    write_file(path, msgspec.json.encode([*kept, gap]))


def _read(path: Path) -> list[OffsetGap]:
    try:
        return _list_of_gaps.decode(path.read_bytes())
    except FileNotFoundError:
        return []
