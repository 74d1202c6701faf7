"""How far one partition is stored, and whether a record of it comes again. Pure.

An offset names a record only as long as the topic is the same: one that was deleted and made again begins at 0. Where
Kafka gives topics an id (KIP-516) that tells; otherwise a record is a repeat only if the one that is stored under its
offset has the same time. What is neither proved to be stored nor proved to be new is kept, and marked.
"""

from collections import OrderedDict

import msgspec

from sensor_platform.reading.model import EnvelopeFlag

_REMEMBERED = 10_000
"""Records of a partition whose times are remembered; a kill makes fewer come again."""


class PartitionProgress(msgspec.Struct, array_like=True):
    """How far the records of a partition are stored."""

    next: int = 0
    """The offset after the last record."""
    newest: int = -1
    """Time of the newest record, milliseconds since the epoch; -1 where records have none."""
    topic_id: str = ""
    """Id of the topic that the offsets belong to; empty where Kafka gives none."""


class PartitionRecords:
    """The stored records of one partition."""

    def __init__(self, progress: PartitionProgress) -> None:
        """Know only how far they are stored."""
        self.progress = progress
        self.is_same_topic = False
        """Whether the topic's id proves that offsets below `next` are those of stored records."""
        self.confirmed = progress.next
        """The offset before which every stored record is known to be of the topic with this id."""
        self.doubtful: dict[int, tuple[int, int]] = {}
        """Time and hash of the payload of records that were stored while it was not known which topic they are of."""
        self._times: OrderedDict[int, int] = OrderedDict()

    @property
    def is_certain(self) -> bool:
        """Whether an offset that is not stored yet is enough to tell that a record is new."""
        return self.is_same_topic and not self.doubtful

    def judge(self, offset: int, milliseconds: int, payload: bytes = b"") -> EnvelopeFlag:
        """The flag of a record, which is stored from now on.

        Args:
            offset: of the record.
            milliseconds: its time since the epoch; -1 for none.
            payload: of the record; looked at only while there are doubtful records.
        """
        known = self.progress
        if offset >= known.next:
            if self.doubtful and self.doubtful.pop(offset, None) == (milliseconds, hash(payload)):
                self.add(offset, milliseconds)
                return EnvelopeFlag.DUPLICATE
            self.add(offset, milliseconds)
            return EnvelopeFlag.NONE
        if self.is_same_topic or milliseconds < 0:
            return EnvelopeFlag.DUPLICATE
        stored = self._times.get(offset)
        if stored == milliseconds:
            return EnvelopeFlag.DUPLICATE
        if stored is not None or milliseconds > known.newest:
            self.restart()
            self.add(offset, milliseconds)
            return EnvelopeFlag.NONE
        return EnvelopeFlag.SUSPECT

    def add(self, offset: int, milliseconds: int) -> None:
        """Note a record that is stored and that is none of those before it."""
        known = self.progress
        known.next = offset + 1
        known.newest = max(known.newest, milliseconds)
        if not self.is_same_topic:
            self._remember(offset, milliseconds)

    def pass_over(self, next_offset: int) -> None:
        """Note that everything before an offset was read: the rest of it was not made of records."""
        if self.is_same_topic:
            self.progress.next = max(self.progress.next, next_offset)

    def read_back(self, offset: int, milliseconds: int, *, is_counted: bool) -> None:
        """Note a record of a segment; segments are read in order.

        Args:
            offset: of a record that is not a repeat. One below the last one is of a topic that was made again.
            milliseconds: its time since the epoch; -1 for none.
            is_counted: the progress counts it already, so that only its time is new.
        """
        if not is_counted:
            if offset < self.progress.next:
                self.restart()
            self.add(offset, milliseconds)
            return
        if self._times and offset <= next(reversed(self._times)):
            self._times.clear()
        self._remember(offset, milliseconds)

    def restart(self, next_offset: int = 0) -> None:
        """Forget the records from an offset on: the topic is another one, or Kafka has lost them."""
        self.confirmed, self.doubtful = next_offset, {}
        self._times = OrderedDict((offset, at) for offset, at in self._times.items() if offset < next_offset)
        self.progress.next, self.progress.newest = next_offset, max(self._times.values(), default=-1)

    def assign(self, topic_id: str, end: int) -> str | None:
        """Compare with the partition as Kafka has it now; returns what is different, or None.

        Args:
            topic_id: id of the topic; empty where Kafka gives none.
            end: offset after its last record; -1 where that is not known.
        """
        known, was = self.progress, self.progress.topic_id
        known.topic_id = topic_id or was
        self.is_same_topic = bool(topic_id)
        if self.is_same_topic:
            self._times.clear()
        if topic_id and was and topic_id != was:
            self.restart()
            return "the topic was made again: its records are new, and are read from the first one"
        if 0 <= end < known.next:
            stored, same = known.next, bool(topic_id and was)
            self.restart(end if same else 0)
            what = "Kafka has lost records that are stored here" if same else "the topic was made again"
            return f"{what}: it ends at offset {end}, {stored} were stored"
        return None

    def _remember(self, offset: int, milliseconds: int) -> None:
        self._times[offset] = milliseconds
        if len(self._times) > _REMEMBERED:
            self._times.popitem(last=False)
