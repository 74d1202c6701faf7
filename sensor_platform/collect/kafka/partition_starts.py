"""Where the reading of each partition begins, and what happens where its topic was made again."""

import logging
from collections.abc import Sequence
from typing import Any

from sensor_platform.collect.kafka.first_offset import PartitionOffsets, choose_beginning
from sensor_platform.collect.kafka.offsets import Partition, StoredOffsets, doubtful_records
from sensor_platform.collect.kafka.topic_identity import TopicIdentity
from sensor_platform.collect.source import SourceContext
from sensor_platform.kernel.clock import now_micros
from sensor_platform.wal import OffsetGap, add_gap

log = logging.getLogger(__name__)


class PartitionStarts:
    """Compares stored offsets with those of Kafka: at each assignment, and some times a minute."""

    def __init__(self, context: SourceContext, offsets: StoredOffsets, settings: dict[str, Any]) -> None:
        """Ask nothing yet.

        Args:
            context: of the source.
            offsets: the stored records.
            settings: of the consumer.
        """
        self._context, self._offsets = context, offsets
        self._identity = TopicIdentity(settings)
        self._is_cooperative = "cooperative" in str(settings.get("partition.assignment.strategy", ""))
        self._is_cooperative |= settings.get("group.protocol") == "consumer"
        self._asked: dict[Partition, int] = {}

    @property
    def is_looking(self) -> bool:
        """Whether an answer of Kafka is waited for."""
        return bool(self._asked)

    def assign(self, consumer: Any, partitions: Sequence[Any]) -> None:  # noqa: ANN401 - no types
        """Recognise topics that were made again, and set where each partition is read from."""
        from confluent_kafka import OFFSET_BEGINNING  # type: ignore[import-not-found,unused-ignore]

        ids = self._identity.ids(sorted({each.topic for each in partitions}))
        is_changed = is_another = False
        known = self._identity.offsets(consumer, partitions, self._offsets.home_id)
        for each, kafka in zip(partitions, known, strict=True):
            records = self._offsets.of(each.topic, each.partition)
            was = records.progress.topic_id
            if what := records.assign(ids.get(each.topic, ""), kafka.high):
                log.warning("%s/%d: %s", each.topic, each.partition, what)
                is_another = True
                begin: int | None = records.progress.next or OFFSET_BEGINNING
            else:
                is_same = bool(records.is_same_topic and was)
                begin = self._begin(each, kafka, is_same_topic=is_same)
            if begin is not None:
                each.offset, is_changed = begin, True
        if is_changed:
            (consumer.incremental_assign if self._is_cooperative else consumer.assign)(list(partitions))
        if is_another:
            self._keep()

    def look(self, consumer: Any) -> list[Partition]:  # noqa: ANN401 - no types
        """Ask whether the assigned topics are the same ones; returns partitions that are read again from their start.

        Everything that was taken must be on disk. The first call asks, a later one has the answer.
        """
        assigned = [(each.topic, each.partition) for each in consumer.assignment()]
        before = self._asked or {place: self._offsets.of(*place).progress.next for place in assigned}
        ids = self._identity.look(sorted({topic for topic, _ in assigned}))
        self._asked = before if ids is None else {}
        again: list[Partition] = []
        for place in assigned if ids else ():
            records = self._offsets.of(*place)
            found, was = (ids or {}).get(place[0], ""), records.progress.topic_id
            if found and was and found != was:
                again.append(place)
            elif found and place in before:
                records.confirmed = before[place]
        if again:
            self._read_again(consumer, again, ids or {})
        return again

    def _read_again(self, consumer: Any, places: Sequence[Partition], ids: dict[str, str]) -> None:  # noqa: ANN401 - no types
        from confluent_kafka import TopicPartition  # type: ignore[import-not-found,unused-ignore]

        context = self._context
        if context.wal.name:
            self._offsets.save(context.wal.name)
            context.wal.seal()
        for topic, number in places:
            records = self._offsets.of(topic, number)
            first = records.confirmed
            doubtful = doubtful_records(context.home, context.config.collector, (topic, number), first)
            log.warning(
                "%s/%d: %s; %d records since offset %d may be of either topic",
                topic,
                number,
                records.assign(ids[topic], -1),
                len(doubtful),
                first,
            )
            records.doubtful = doubtful
            consumer.seek(TopicPartition(topic, number, 0))
        self._keep()

    def _begin(self, place: Any, kafka: PartitionOffsets, *, is_same_topic: bool) -> int | None:  # noqa: ANN401 - no types
        records = self._offsets.of(place.topic, place.partition)
        found = choose_beginning(records.progress.next, kafka, is_same_topic=is_same_topic)
        if found.gap is None:
            if found.offset is not None:
                log.warning(
                    "%s/%d: the group stands at offset %d, this data folder at %d: it reads on from there",
                    place.topic,
                    place.partition,
                    kafka.committed,
                    found.offset,
                )
            return found.offset
        first, last = found.gap
        name = f"{place.topic}/{place.partition}"
        log.warning("%s: offsets %d..%d were gone before they were read; hint: longer retention", name, first, last)
        self._context.status.counters.lost_offsets += last - first + 1
        gap = OffsetGap(
            topic=place.topic,
            partition=place.partition,
            first=first,
            last=last,
            topic_id=records.progress.topic_id,
            noted_at=now_micros(),
        )
        try:
            add_gap(self._context.home.wal, self._context.config.collector, gap)
        except OSError as error:
            log.warning("the gap cannot be kept for the audit: %s", error)
        return found.offset

    def _keep(self) -> None:
        """Save which topics the offsets belong to, before records of the new ones are written."""
        wal = self._context.wal
        if wal.pending_bytes:
            return
        try:
            self._offsets.save(wal.name or self._offsets.segment)
        except OSError as error:
            log.warning("the offsets cannot be written now: %s", error)
            return
        if wal.name:
            wal.seal()
