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
from typing import Any

from sensor_platform.collect.collector_status import CollectorStatus
from sensor_platform.collect.config import CollectConfig
from sensor_platform.collect.kafka.consumer import make_consumer
from sensor_platform.collect.kafka.offsets import load_stored_offsets
from sensor_platform.collect.kafka.records import envelope_of
from sensor_platform.collect.lander_process import LanderProcess
from sensor_platform.collect.progress import publish_status
from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import now_micros, utc_from_micros
from sensor_platform.wal import CommittedOffsetFile, Header, encode_records, recover_segments, segment_names
from sensor_platform.wal.writer import WalWriter

log = logging.getLogger(__name__)
_MOST_AT_ONCE = 5_000
_TICK_SECONDS = 1.0
_COMMIT_SECONDS = 0.5
"""Between two commits of offsets to Kafka; after a kill so much comes again at most, and is known."""
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class KafkaSetup:
    """What the collector works with."""

    config: CollectConfig
    home: Home
    announce: Callable[[], None]
    """Told once partitions are assigned."""
    lander: LanderProcess | None = None
    login: tuple[str, str] | None = None
    """User and password for SASL; from the environment."""


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
            for left in recover_segments(wal):
                log.warning("recovered %s: kept %d bytes, cut %d", left.path, left.kept_bytes, left.cut_bytes)
            self._offsets = load_stored_offsets(setup.home, config.collector)
            self._mark = CommittedOffsetFile(wal, config.collector)
        except OSError as error:
            raise WrongUse(f"the data folder {setup.home.root} cannot be used: {error}", "check its rights") from error
        self._writer = WalWriter(wal, names, self._mark, _header, time.monotonic)
        self._consumer = make_consumer(config.kafka, setup.login)
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
        self._held: list[Any] = []
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
                held, self._held = self._held, []
                self._take(
                    [*held, *self._consumer.consume(_MOST_AT_ONCE, self._setup.config.commit_milliseconds / 1000)]
                )
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
        now = utc_from_micros(now_micros())
        envelopes = [envelope_of(message, self._offsets, now) for message in good]
        self._writer.add(encode_records(envelopes))
        while not self._written():
            if self._is_stopping:
                return  # their offsets are not committed: they come again
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

    def _written(self) -> bool:
        try:
            self._writer.commit()
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
        message = self._consumer.poll(_RETRY_SECONDS)
        if message is not None:  # of a partition that came to us just now
            self._held.append(message)
        self._consumer.resume(self._consumer.assignment())

    def _tick(self, now: float) -> None:
        if now - self._committed_at > _COMMIT_SECONDS:
            self._committed_at = now
            self._commit_offsets(wait=False)
        config = self._setup.config
        if self._writer.age > config.seal_seconds or self._writer.size > config.seal_megabytes << 20:
            self._seal()
        self._writer.mend()
        if now >= self._tick_at:
            self._tick_at = now + _TICK_SECONDS
            if self._setup.lander:
                self._setup.lander.tend()
            with contextlib.suppress(OSError):
                self._report("connected" if self._is_assigned else "connecting")

    def _seal(self) -> None:
        """What is handed over must be known without its segment, which the lander takes away."""
        if not self._writer.size or self._writer.pending_bytes:
            return
        try:
            self._offsets.save(self._writer.name)
        except OSError as error:
            log.warning("the offsets cannot be written, so the segment stays open: %s", error)
            return
        self._writer.seal()

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
        del consumer
        log.info("assigned: %s", ", ".join(f"{each.topic}/{each.partition}" for each in partitions))
        if not self._is_assigned:
            self._is_assigned = True
            self._status.counters.connects += 1
            self._setup.announce()

    def _revoked(self, _consumer: Any, _partitions: Sequence[Any]) -> None:  # noqa: ANN401 - no types
        self._commit_offsets(wait=True)

    def _report(self, state: Any) -> None:  # noqa: ANN401 - a State
        self._status.counters.segments = self._writer.segments
        publish_status(self._setup.home.wal, self._status, state, self._setup.lander)


def _header(name: str) -> Header:
    return Header(segment=name, created_at=now_micros(), session="kafka")
