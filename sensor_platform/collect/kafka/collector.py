"""The collector for Kafka: one consumer of a group, one thread. At least once into the WAL, once out of it.

Offsets are committed only after fsync. A message that comes again (a kill before the commit, a rebalance back to us) is
written with the flag of a duplicate: it has its fate in the ledger, and no second row.
"""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sensor_platform.collect.config import CollectConfig
from sensor_platform.collect.journal import Journal
from sensor_platform.collect.kafka.offsets import Offsets, known_offsets
from sensor_platform.collect.lander import Lander
from sensor_platform.collect.report import publish_status
from sensor_platform.collect.status import CollectorStatus
from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.landing.segments import CommittedMark, Header, encode_records, recover, segment_names
from sensor_platform.reading.model import Envelope, EnvelopeFlag

log = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_AT_ONCE = 5_000
_TICK_SECONDS = 1.0
_COMMIT_SECONDS = 0.5
"""Between two commits of offsets to Kafka; after a kill so much comes again at most, and is known."""
_RETRY_SECONDS = 1.0
_DEFAULTS = {"session.timeout.ms": 10_000, "topic.metadata.refresh.interval.ms": 10_000}
"""Of librdkafka, unless the site says otherwise. A topic that does not exist yet is found when it does."""


@dataclass(frozen=True, slots=True)
class KafkaSetup:
    """What the collector works with."""

    config: CollectConfig
    home: Home
    announce: Callable[[], None]
    """Told once partitions are assigned."""
    lander: Lander | None = None


class KafkaCollector:
    """Collects until told to stop."""

    def __init__(self, setup: KafkaSetup) -> None:
        """Recover what a killed collector left.

        Raises:
            WrongUse: wrong settings, the extra is not installed, or a home that cannot be written.
        """
        config, wal = setup.config, setup.home.wal
        self._setup = setup
        try:
            names = segment_names(config.collector, wal)
            for left in recover(wal):
                log.warning("recovered %s: kept %d bytes, cut %d", left.path, left.kept_bytes, left.cut_bytes)
            self._offsets: Offsets = known_offsets(wal, config.collector)
            self._mark = CommittedMark(wal, config.collector)
        except OSError as error:
            raise WrongUse(f"the data folder {setup.home.root} cannot be used: {error}", "check its rights") from error
        self._journal = Journal(wal, names, self._mark, _header, time.monotonic)
        self._consumer = _consumer(config)
        self._status = CollectorStatus(
            collector=config.collector,
            pid=os.getpid(),
            broker=f"kafka://{config.kafka.servers}",
            client_id=config.kafka.group,
            lane="stock",
            started_at=time.time(),
            updated_at=0.0,
            session="kafka",
        )
        self._is_stopping = self._is_assigned = False
        self._to_commit: dict[tuple[str, int], int] = {}
        self._tick_at = self._committed_at = 0.0

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._is_stopping = True

    def run(self) -> None:
        """Collect until `stop`, then commit and seal.

        Raises:
            Unreachable: Kafka says that it cannot go on (an unknown group protocol, no authorisation).
        """
        self._consumer.subscribe(
            list(self._setup.config.kafka.topics), on_assign=self._assigned, on_revoke=self._revoked
        )
        try:
            while not self._is_stopping:
                self._take(self._consumer.consume(_MOST_AT_ONCE, self._setup.config.commit_milliseconds / 1000))
                self._tick(time.monotonic())
        finally:
            self._commit_offsets(wait=True)
            self._seal()
            with contextlib.suppress(RuntimeError):
                self._consumer.close()
            self._report("stopping")
            self._mark.close()

    def _take(self, messages: Sequence[Any]) -> None:
        """To disk, then to the list of offsets to commit."""
        good = list(self._checked(messages))
        if not good:
            return
        now = _EPOCH + timedelta(microseconds=time.time_ns() // 1000)
        envelopes = [self._envelope(message, now) for message in good]
        self._journal.add(encode_records(envelopes))
        while not self._written():
            self._wait_for_disk()
        counters = self._status.counters
        counters.messages += len(good)
        counters.bytes += sum(len(each.payload) for each in envelopes)
        counters.duplicates += sum(bool(each.flags) for each in envelopes)
        counters.commits += 1
        for message in good:
            self._to_commit[message.topic(), message.partition()] = message.offset() + 1

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

    def _envelope(self, message: Any, now: datetime) -> Envelope:  # noqa: ANN401 - confluent_kafka has no types
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        is_new = self._offsets.is_new(topic, partition, offset)
        key = message.key()
        return Envelope(
            topic=topic,
            payload=message.value() or b"",
            received_at=now,
            segment="",
            position=0,
            session="kafka",
            flags=EnvelopeFlag.NONE if is_new else EnvelopeFlag.DUPLICATE,
            user_properties=tuple((name, _text(value)) for name, value in message.headers() or ()),
            key=None if key is None else bytes(key),
            partition=partition,
            offset=offset,
        )

    def _written(self) -> bool:
        try:
            self._journal.commit()
        except OSError as error:
            if self._status.problem is None:
                log.warning("cannot write, reading is stopped: %s", error)
                self._status.counters.stalls += 1
            self._status.problem = f"{type(error).__name__}: {error}"
            return False
        self._status.problem = None
        return True

    def _wait_for_disk(self) -> None:
        """Stay a member of the group meanwhile, without taking more."""
        self._consumer.pause(self._consumer.assignment())
        with contextlib.suppress(OSError):
            self._report("stalled")
        self._consumer.poll(_RETRY_SECONDS)
        self._consumer.resume(self._consumer.assignment())

    def _tick(self, now: float) -> None:
        if now - self._committed_at > _COMMIT_SECONDS:
            self._committed_at = now
            self._commit_offsets(wait=False)
        config = self._setup.config
        if self._journal.age > config.seal_seconds or self._journal.size > config.seal_megabytes << 20:
            self._seal()
        self._journal.mend()
        if now >= self._tick_at:
            self._tick_at = now + _TICK_SECONDS
            if self._setup.lander:
                self._setup.lander.tend()
            with contextlib.suppress(OSError):
                self._report("connected" if self._is_assigned else "connecting")

    def _seal(self) -> None:
        """What is handed over must be known without its segment, which the lander takes away."""
        if not self._journal.size:
            return
        try:
            self._offsets.save()
        except OSError as error:
            log.warning("the offsets cannot be written, so the segment stays open: %s", error)
            return
        self._journal.seal()

    def _commit_offsets(self, *, wait: bool) -> None:
        from confluent_kafka import KafkaException, TopicPartition  # type: ignore[import-not-found,unused-ignore]

        if not self._to_commit:
            return
        places = [TopicPartition(topic, number, offset) for (topic, number), offset in self._to_commit.items()]
        try:
            self._consumer.commit(offsets=places, asynchronous=not wait)
        except KafkaException as error:
            log.warning("Kafka did not take the offsets, they are committed later: %s", error)
            return
        self._to_commit = {}

    def _assigned(self, consumer: Any, partitions: Sequence[Any]) -> None:  # noqa: ANN401 - no types
        self._forget_recreated(consumer, partitions)
        log.info("assigned: %s", ", ".join(f"{each.topic}/{each.partition}" for each in partitions))
        if not self._is_assigned:
            self._is_assigned = True
            self._status.counters.connects += 1
            self._setup.announce()

    def _forget_recreated(self, consumer: Any, partitions: Sequence[Any]) -> None:  # noqa: ANN401 - no types
        """A topic that ends before what we have of it was made anew: its messages are no repeats."""
        from confluent_kafka import KafkaException

        for each in partitions:
            expected = self._offsets.expected.get((each.topic, each.partition), 0)
            try:
                _, end = consumer.get_watermark_offsets(each, timeout=5.0)
            except KafkaException as error:
                log.warning("the end of %s/%s is not known: %s", each.topic, each.partition, error)
                continue
            if end < expected:
                log.warning("%s/%s was made anew: it is read from its start", each.topic, each.partition)
                self._offsets.expected.pop((each.topic, each.partition))

    def _revoked(self, _consumer: Any, _partitions: Sequence[Any]) -> None:  # noqa: ANN401 - no types
        self._commit_offsets(wait=True)

    def _report(self, state: Any) -> None:  # noqa: ANN401 - a State
        self._status.counters.segments = self._journal.segments
        publish_status(self._setup.home.wal, self._status, state, self._setup.lander)


def _consumer(config: CollectConfig) -> Any:  # noqa: ANN401 - confluent_kafka has no types
    try:
        from confluent_kafka import Consumer, KafkaException  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise WrongUse("Kafka needs confluent-kafka", "pip install 'sensor-platform[kafka]'") from error
    own = {
        "bootstrap.servers": config.kafka.servers,
        "group.id": config.kafka.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
    }
    try:
        return Consumer({**_DEFAULTS, **_options(config), **own})
    except (KafkaException, ValueError, TypeError) as error:
        raise WrongUse(f"site.yaml: collect.kafka: {error}", "see librdkafka's configuration") from error


def _options(config: CollectConfig) -> dict[str, str]:
    pairs = (text.partition("=") for text in config.kafka.options)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _header(name: str) -> Header:
    return Header(segment=name, created_at=time.time_ns() // 1000, session="kafka")


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "backslashreplace")
