"""The source for Kafka: one consumer of a group. Offsets are committed to Kafka only after the fsync.

A record that is delivered again (after a kill before the commit, or a rebalance) is written with the flag of a
duplicate: it gets an outcome in the ledger, and no second row.
"""

import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any

from sensor_platform.collect.collector_status import State
from sensor_platform.collect.kafka.kafka_client import consumer_settings, make_consumer, row_of
from sensor_platform.collect.kafka.kafka_monitor import KafkaMonitor
from sensor_platform.collect.kafka.offsets import Partition, load_stored_offsets
from sensor_platform.collect.kafka.partition_starts import PartitionStarts
from sensor_platform.collect.source import SourceContext
from sensor_platform.errors import Unreachable
from sensor_platform.kernel.clock import now_micros
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.wal import Header, encode_record_rows

log = logging.getLogger(__name__)
_MAX_RECORDS = 5_000
_COMMIT_SECONDS = 0.5
"""Interval of offset commits to Kafka. After a kill the records of this time come again, and are recognised."""
_COMPANY_SECONDS = 0.002
"""Time that the first record waits for others, with which it shares an fsync."""
_RETRY_SECONDS = 1.0
_LOOK_SECONDS = 5.0
"""Interval at which Kafka is asked whether the topics are still the same ones."""
_PAYLOAD, _FLAG = 1, 8  # places in a row
_END_OF_PARTITION = -191


class KafkaSource:
    """One consumer of a group."""

    def __init__(self, context: SourceContext) -> None:
        """Find out which records are stored already; connects to nothing yet.

        Raises:
            WrongUse: wrong settings, or the extra `kafka` is not installed.
            OSError: the home cannot be read.
        """
        self._context = context
        config = context.config
        self._offsets = load_stored_offsets(context.home, config.collector)
        login = context.logins.get("kafka")
        settings = consumer_settings(config.kafka, login, config.collector)
        self._monitor = KafkaMonitor(config.kafka, context.status, user=login[0] if login else "")
        self._consumer = make_consumer(settings | self._monitor.callbacks)
        self._starts = PartitionStarts(context, self._offsets, settings)
        self._status = context.status
        self._status.broker, self._status.client_id = f"kafka://{config.kafka.servers}", config.kafka.group
        self._status.session = "kafka"
        self._is_subscribed = self._is_stalled = False
        self._unwritten: list[tuple[Any, ...]] = []
        self._reached: dict[Partition, int] = {}
        """Offset after the last record that was taken, by partition; committed once that record is on disk."""
        self._to_commit: dict[Partition, int] = {}
        self._held: list[Any] = []
        self._taken_at = self._committed_at = self._looked_at = 0.0

    @property
    def state(self) -> State:
        """Whether records can arrive."""
        return "stalled" if self._is_stalled else self._monitor.state

    def header(self, name: str) -> Header:
        """Header of a new segment."""
        return Header(segment=name, created_at=now_micros(), session="kafka")

    def turn(self) -> None:
        """Write one batch of records and commit it; or wait for the disk.

        Raises:
            Unreachable: a fatal error of Kafka: this member was fenced, for instance.
        """
        if not self._is_subscribed:
            self._is_subscribed = True
            topics = list(self._context.config.kafka.topics)
            self._consumer.subscribe(topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
        if self._is_stalled:
            self._wait_for_disk()
        else:
            held, self._held = self._held, []
            messages = self._consumer.consume(1, self._context.config.commit_milliseconds / 1000)
            self._taken_at = time.monotonic()
            if messages:
                messages += self._consumer.consume(_MAX_RECORDS, _COMPANY_SECONDS)
            self._take([*held, *messages])
        self._write()
        if fatal := self._monitor.fatal:
            raise Unreachable(f"Kafka: {fatal.text}", fatal.hint)
        now = time.monotonic()
        if now - self._committed_at > _COMMIT_SECONDS:
            self._committed_at = now
            self._commit_offsets(wait=False)

    def tick(self) -> None:
        """Say what is wrong, and find topics that were made again while they are read."""
        now = time.monotonic()
        if not self._is_stalled:
            self._monitor.report(now)
        if self._unwritten or not self._monitor.is_assigned or now - self._looked_at < _LOOK_SECONDS:
            return
        for place in self._starts.look(self._consumer):
            self._reached.pop(place, None)
            self._to_commit.pop(place, None)
        if not self._starts.is_looking:
            self._looked_at = now

    def prepare_seal(self) -> bool:
        """Save the offsets: they must be known without the segment, which the lander takes away."""
        if not self._context.wal.name or self._context.wal.pending_bytes:
            return False
        try:
            self._offsets.save(self._context.wal.name)
        except OSError as error:
            log.warning("the offsets cannot be written, so the segment stays open: %s", error)
            return False
        return True

    def close(self) -> None:
        """Commit the offsets of what is on disk, and leave the group. Records that are not on disk come again."""
        self._commit_offsets(wait=True)
        with contextlib.suppress(RuntimeError):
            self._consumer.close()

    def _take(self, messages: Sequence[Any]) -> None:
        """Queue records for the next commit of the WAL."""
        now = now_micros()
        rows: list[tuple[Any, ...]] = []
        place: Partition | None = None
        for message in messages:
            error = message.error()
            if error is None:
                topic, partition = message.topic(), message.partition()
                if place is None or partition != place[1] or topic != place[0]:  # they come in runs of one partition
                    place = topic, partition
                    records = self._offsets.of(topic, partition)
                row = row_of(message, place, records, now)
                self._reached[place] = row[-1] + 1
                rows.append(row)
            elif error.code() == _END_OF_PARTITION:  # after the marks of a transaction, which do not come as records
                self._reached[message.topic(), message.partition()] = message.offset()
                self._offsets.of(message.topic(), message.partition()).pass_over(message.offset())
            else:
                self._monitor.note(error)
        if rows:
            wal = self._context.wal
            wal.add(encode_record_rows(rows, begins_group=wal.is_empty))
            self._unwritten += rows

    def _write(self) -> None:
        """Commit what waits to the WAL; stalls where that fails."""
        if self._unwritten:
            try:
                self._context.wal.commit()
            except OSError as error:
                if not self._is_stalled:
                    log.warning("cannot write, reading is stopped: %s", error)
                    self._status.counters.stalls += 1
                self._is_stalled = True
                self._status.problem = f"{type(error).__name__}: {error}"
                return
            if self._is_stalled:
                self._is_stalled, self._status.problem = False, None
            written, self._unwritten = self._unwritten, []
            self._count(written)
        if self._reached:
            self._to_commit |= self._reached
            self._reached = {}

    def _count(self, written: Sequence[tuple[Any, ...]]) -> None:
        counters = self._status.counters
        counters.messages += len(written)
        counters.bytes += sum(len(row[_PAYLOAD]) for row in written)
        if flags := [row[_FLAG] for row in written if row[_FLAG]]:
            counters.duplicates += flags.count(EnvelopeFlag.DUPLICATE)
            counters.suspects += flags.count(EnvelopeFlag.SUSPECT)
        counters.commits += 1
        counters.note_ack(time.monotonic() - self._taken_at)

    def _wait_for_disk(self) -> None:
        """Stay a member of the group without taking more records."""
        self._consumer.pause(self._consumer.assignment())
        message = self._consumer.poll(_RETRY_SECONDS)
        if message is not None:  # of a partition that was assigned just now
            self._held.append(message)
        self._consumer.resume(self._consumer.assignment())

    def _commit_offsets(self, *, wait: bool) -> None:
        from confluent_kafka import KafkaException, TopicPartition  # type: ignore[import-not-found,unused-ignore]

        if not self._to_commit:
            return
        mark = self._offsets.home_id
        places = [TopicPartition(topic, number, offset, mark) for (topic, number), offset in self._to_commit.items()]
        try:
            self._consumer.commit(offsets=places, asynchronous=not wait)
        except KafkaException as error:
            log.warning("Kafka did not accept the offsets, they are committed later: %s", error)
            return
        self._to_commit = {}

    def _assigned(self, consumer: Any, partitions: Sequence[Any]) -> None:  # noqa: ANN401 - no types
        log.info("assigned: %s", ", ".join(f"{each.topic}/{each.partition}" for each in partitions))
        self._starts.assign(consumer, partitions)
        self._monitor.assigned()
        self._context.announce()

    def _revoked(self, _consumer: Any, _partitions: Sequence[Any]) -> None:  # noqa: ANN401 - no types
        self._commit_offsets(wait=True)

    def _lost(self, _consumer: Any, partitions: Sequence[Any]) -> None:  # noqa: ANN401 - no types
        """Forget what is not committed of partitions that others have by now."""
        log.warning("the group went on without this collector; it joins again")
        self._monitor.lost()
        for each in partitions:
            self._to_commit.pop((each.topic, each.partition), None)
