"""A Kafka of librdkafka's own (mock cluster): real sockets, consumer groups, offsets; lives as long as its producer."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, Producer  # type: ignore[import-not-found,unused-ignore]

from sensor_platform_tests.running import wait_until


@dataclass
class MockKafka:
    """One broker; topics are made when they are first used, with four partitions."""

    servers: str
    producer: Any

    def send(self, topic: str, messages: Sequence[tuple[bytes | None, bytes, dict[str, str]]]) -> None:
        """(key, value, headers), acknowledged."""
        for key, value, headers in messages:
            self.producer.produce(topic, value=value, key=key, headers=list(headers.items()))
            self.producer.poll(0)
        assert self.producer.flush(20) == 0

    def create(self, topic: str) -> None:
        """Make a topic that nobody has written to."""
        self.producer.list_topics(topic, timeout=10)

    def read(self, topic: str, count: int, seconds: float = 20.0) -> list[tuple[str, Any]]:
        """(key, decoded value) of the next messages of a topic, at least `count`."""
        return self.read_until(topic, lambda found: len(found) >= count, seconds)

    def read_until(
        self, topic: str, is_enough: Callable[[list[tuple[str, Any]]], bool], seconds: float = 20.0
    ) -> list[tuple[str, Any]]:
        """(key, decoded value) of the next messages of a topic, until they are enough."""
        consumer = Consumer(
            {"bootstrap.servers": self.servers, "group.id": f"test-{topic}", "auto.offset.reset": "earliest"}
        )
        self.create(topic)
        consumer.subscribe([topic])
        found: list[tuple[str, Any]] = []

        def has_come() -> bool:
            some = [message for message in consumer.consume(500, 0.2) if message.error() is None]
            found.extend(((message.key() or b"").decode(), json.loads(message.value() or b"null")) for message in some)
            return is_enough(found)

        try:
            wait_until(has_come, f"enough messages of {topic}", seconds)
        finally:
            consumer.close()
        return found


@contextmanager
def mock_kafka() -> Iterator[MockKafka]:
    """A cluster on free ports of this machine."""
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
    brokers = producer.list_topics(timeout=10).brokers
    assert brokers, "the mock cluster has brokers"
    servers = ",".join(f"{each.host}:{each.port}" for each in brokers.values())
    yield MockKafka(servers, producer)
    producer.flush(1)
