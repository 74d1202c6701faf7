"""Where reading of an assigned partition begins, and which records are gone. Pure.

Three numbers are compared: the offset after the last record that is stored here, the offset that the group has
committed, and the offsets that Kafka still has.
"""

from dataclasses import dataclass

UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class PartitionOffsets:
    """What Kafka says about a partition; -1 is unknown or none."""

    low: int = UNKNOWN
    """The first record that Kafka still has."""
    high: int = UNKNOWN
    """The offset after the last one."""
    committed: int = UNKNOWN
    """Offset of the group."""
    is_own_commit: bool = False
    """Whether this data folder has committed it, and not another collector of the group."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where to begin."""

    offset: int | None
    """None: where the client library begins by itself, which is the offset of the group."""
    gap: tuple[int, int] | None = None
    """First and last offset that are gone."""


def choose_beginning(stored: int, kafka: PartitionOffsets, *, is_same_topic: bool) -> Beginning:
    """Compare the offsets.

    A home that was restored from a backup is behind what it has committed itself: it reads its own records again where
    Kafka still has them. What another collector of the group has committed is that one's.

    Args:
        stored: offset after the last record that is stored here; 0 for none.
        kafka: what Kafka says.
        is_same_topic: whether the topic's id proves that `stored` belongs to it.
    """
    wanted = kafka.committed
    is_behind = kafka.is_own_commit and stored < kafka.committed
    if is_same_topic and (is_behind or (kafka.committed == UNKNOWN and stored)):
        wanted = stored
    if wanted == UNKNOWN:
        return Beginning(None)
    if kafka.low > wanted:
        return Beginning(kafka.low, (wanted, kafka.low - 1))
    return Beginning(None if wanted == kafka.committed else wanted)
