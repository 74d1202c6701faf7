"""What a Kafka consumer does when it is given partitions whose topic is another one than before."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sensor_platform.collect.collector_status import CollectorStatus
from sensor_platform.collect.config import CollectConfig, KafkaSettings
from sensor_platform.collect.kafka.first_offset import PartitionOffsets
from sensor_platform.collect.kafka.kafka_source import KafkaSource
from sensor_platform.collect.kafka.partition_progress import PartitionProgress
from sensor_platform.home import Home

confluent_kafka = pytest.importorskip("confluent_kafka")


class Consumer:
    """Notes what it is told to read."""

    def __init__(self) -> None:
        self.assigned: list[tuple[int, int]] = []

    def assign(self, partitions: list[Any]) -> None:
        self.assigned += [(each.partition, each.offset) for each in partitions]


class Identity:
    """One topic: its id, and the end of each partition."""

    def __init__(self, topic_id: str, *ends: int) -> None:
        self.topic_id = topic_id
        self.ends = ends

    def ids(self, topics: list[str]) -> dict[str, str]:
        return dict.fromkeys(topics, self.topic_id)

    def offsets(self, _consumer: object, partitions: list[Any], _home_id: str) -> list[PartitionOffsets]:
        return [PartitionOffsets(0, self.ends[each.partition], 100, is_own_commit=True) for each in partitions]


def assigned(tmp_path: Path, identity: Identity) -> tuple[list[tuple[int, int]], KafkaSource]:
    """What is assigned where 100 records of two partitions of topic A are stored."""
    home = Home(tmp_path)
    home.wal.mkdir()
    context = SimpleNamespace(
        config=CollectConfig(kafka=KafkaSettings(topics=("t",))),
        home=home,
        logins={},
        status=CollectorStatus(collector="collector", pid=1),
        announce=lambda: None,
        wal=SimpleNamespace(name="", pending_bytes=0),
    )
    source = KafkaSource(context)  # type: ignore[arg-type]
    source._offsets.known = {("t", number): PartitionProgress(100, 5_000, "A") for number in range(2)}
    source._starts._identity = identity  # type: ignore[assignment]
    consumer = Consumer()
    source._assigned(consumer, [confluent_kafka.TopicPartition("t", number) for number in range(2)])
    return consumer.assigned, source


def test_the_same_topic_goes_on_where_it_was_committed(tmp_path: Path) -> None:
    found, source = assigned(tmp_path, Identity("A", 100, 200))
    assert (found, source.state) == ([], "connected")


def test_a_topic_that_was_made_again_is_read_from_its_first_record(tmp_path: Path) -> None:
    found, source = assigned(tmp_path, Identity("B", 500, 0))
    assert found == [(number, confluent_kafka.OFFSET_BEGINNING) for number in range(2)]
    assert source._offsets.is_new("t", 0, 0, 1)


def test_a_partition_that_lost_its_end_is_read_on_from_there(tmp_path: Path) -> None:
    found, source = assigned(tmp_path, Identity("A", 90, 200))
    assert found == [(0, 90), (1, confluent_kafka.OFFSET_INVALID)]
    assert [source._offsets.is_new("t", 0, n, 1) for n in (89, 90)] == [False, True]
    assert not source._offsets.is_new("t", 1, 99, 1)
