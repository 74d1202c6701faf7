"""The source for Kafka: one consumer of a group. Offsets are committed to Kafka only after the fsync.

A record that is delivered again (after a kill before the commit, or a rebalance) is written with the flag of a
duplicate: it gets an outcome in the ledger, and no second row.
"""

import contextlib
import logging
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sensor_platform.collect.collector_status import State
from sensor_platform.collect.kafka.kafka_client import consumer_settings, envelope_of, make_consumer
from sensor_platform.collect.kafka.offsets import load_stored_offsets
from sensor_platform.collect.kafka.topic_identity import TopicIdentity
from sensor_platform.collect.source import SourceContext
from sensor_platform.errors import Unreachable
from sensor_platform.kernel.clock import now_micros, utc_from_micros
from sensor_platform.reading.model import EnvelopeFlag
from sensor_platform.wal import Header, encode_records

if TYPE_CHECKING:
    from sensor_platform.reading.model import Envelope

log = logging.getLogger(__name__)
_MAX_RECORDS = 5_000
_COMMIT_SECONDS = 0.5
"""Interval of offset commits to Kafka. After a kill the records of this time come again, and are recognised."""
_RETRY_SECONDS = 1.0


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
        self._settings = consumer_settings(config.kafka, context.logins.get("kafka"))
        self._consumer = make_consumer(self._settings)
        self._identity = TopicIdentity(self._settings)
        self._status = context.status
        self._status.broker, self._status.client_id = f"kafka://{config.kafka.servers}", config.kafka.group
        self._status.session = "kafka"
        self._is_subscribed = self._is_assigned = self._is_stalled = False
        self._unwritten: list[Envelope] = []
        self._to_commit: dict[tuple[str, int], int] = {}
        self._held: list[Any] = []
        self._committed_at = 0.0

    @property
    def state(self) -> State:
        """Whether records can arrive."""
        if self._is_stalled:
            return "stalled"
        return "connected" if self._is_assigned else "connecting"

    def header(self, name: str) -> Header:
        """Header of a new segment."""
        return Header(segment=name, created_at=now_micros(), session="kafka")

    def turn(self) -> None:
        """Write one batch of records and commit it; or wait for the disk.

        Raises:
            Unreachable: a fatal error of Kafka, for instance a missing authorisation.
        """
        if not self._is_subscribed:
            self._is_subscribed = True
            topics = list(self._context.config.kafka.topics)
            self._consumer.subscribe(topics, on_assign=self._assigned, on_revoke=self._revoked)
        if self._is_stalled:
            self._wait_for_disk()
        else:
            held, self._held = self._held, []
            seconds = self._context.config.commit_milliseconds / 1000
            self._take([*held, *self._consumer.consume(_MAX_RECORDS, seconds)])
        self._write()
        now = time.monotonic()
        if now - self._committed_at > _COMMIT_SECONDS:
            self._committed_at = now
            self._commit_offsets(wait=False)

    def tick(self) -> None:
        """Nothing to do: the client library keeps the connection in threads of its own."""

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
        now = utc_from_micros(now_micros())
        envelopes = [envelope_of(message, self._offsets, now) for message in self._checked(messages)]
        if envelopes:
            wal = self._context.wal
            wal.add(encode_records(envelopes, begins_group=wal.is_empty))
            self._unwritten += envelopes

    def _checked(self, messages: Iterable[Any]) -> Iterable[Any]:
        for message in messages:
            error = message.error()
            if error is None:
                yield message
            elif error.fatal():
                raise Unreachable(f"Kafka: {error}", "check collect.kafka of site.yaml")
            else:
                self._status.problem = str(error)
                log.warning("Kafka: %s", error)

    def _write(self) -> None:
        """Commit what waits to the WAL; stalls where that fails."""
        if not self._unwritten:
            return
        try:
            self._context.wal.commit()
        except OSError as error:
            if not self._is_stalled:
                log.warning("cannot write, reading is stopped: %s", error)
                self._status.counters.stalls += 1
            self._is_stalled = True
            self._status.problem = f"{type(error).__name__}: {error}"
            return
        self._is_stalled = False
        self._status.problem = None
        written, self._unwritten = self._unwritten, []
        counters = self._status.counters
        counters.messages += len(written)
        counters.bytes += sum(len(each.payload) for each in written)
        counters.duplicates += sum(each.flags == EnvelopeFlag.DUPLICATE for each in written)
        counters.suspects += sum(each.flags == EnvelopeFlag.SUSPECT for each in written)
        counters.commits += 1
        for each in written:
            assert each.partition is not None
            assert each.offset is not None
            self._to_commit[each.topic, each.partition] = each.offset + 1

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
        places = [TopicPartition(topic, number, offset) for (topic, number), offset in self._to_commit.items()]
        try:
            self._consumer.commit(offsets=places, asynchronous=not wait)
        except KafkaException as error:
            log.warning("Kafka did not accept the offsets, they are committed later: %s", error)
            return
        self._to_commit = {}

    def _assigned(self, consumer: Any, partitions: Sequence[Any]) -> None:  # noqa: ANN401 - no types
        log.info("assigned: %s", ", ".join(f"{each.topic}/{each.partition}" for each in partitions))
        self._compare(consumer, partitions)
        if not self._is_assigned:
            self._is_assigned = True
            self._status.counters.connects += 1
            self._context.announce()

    def _compare(self, consumer: Any, partitions: Sequence[Any]) -> None:  # noqa: ANN401 - no types
        """Recognise topics that were deleted and made again, and read those from their first record."""
        from confluent_kafka import OFFSET_BEGINNING  # type: ignore[import-not-found,unused-ignore]

        ids = self._identity.ids(sorted({each.topic for each in partitions}))
        end, is_changed = 0, False
        for each in partitions:
            end = self._identity.end(consumer, each) if end >= 0 else -1  # who does not answer is not asked again
            records = self._offsets.of(each.topic, each.partition)
            if what := records.assign(ids.get(each.topic, ""), end):
                log.warning("%s/%d: %s", each.topic, each.partition, what)
                if not records.progress.next:
                    each.offset, is_changed = OFFSET_BEGINNING, True
        if is_changed:
            is_cooperative = "cooperative" in str(self._settings.get("partition.assignment.strategy", ""))
            (consumer.incremental_assign if is_cooperative else consumer.assign)(list(partitions))

    def _revoked(self, _consumer: Any, _partitions: Sequence[Any]) -> None:  # noqa: ANN401 - no types
        self._commit_offsets(wait=True)
