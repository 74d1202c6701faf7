"""What Kafka says about the topics of a consumer: their ids and the ends of their partitions."""

import logging
from collections.abc import Sequence
from typing import Any

from sensor_platform.collect.kafka.first_offset import UNKNOWN, PartitionOffsets

log = logging.getLogger(__name__)
_SECONDS = 2.0
"""How long a question may take: a broker without the answer does not answer at all."""
_NO_ID = {"", "AAAAAAAAAAAAAAAAAAAAAA"}
"""As a broker without topic ids says it: all bits are 0."""
_CONSUMER_ONLY = (
    "group.id",
    "enable.auto",
    "auto.offset",
    "session.",
    "max.poll",
    "fetch.",
    "partition.",
    "isolation.",
    "enable.partition",
    "statistics.",
    "group.",
    "heartbeat.",
    "error_cb",
    "stats_cb",
)


def without_consumer(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a consumer that an admin client of the same cluster takes."""
    return {name: value for name, value in settings.items() if not name.startswith(_CONSUMER_ONLY)}


class TopicIdentity:
    """Asks a Kafka cluster. Everything it cannot say is empty or -1: the times of the records then decide."""

    def __init__(self, settings: dict[str, Any]) -> None:
        """Connect to nothing yet.

        Args:
            settings: of the consumer.
        """
        self._settings = without_consumer(settings)
        self._has_ids = True
        self._admin: Any = None
        self._asked: dict[str, Any] = {}

    def ids(self, topics: Sequence[str]) -> dict[str, str]:
        """Id by topic, of those that have one (KIP-516)."""
        return self._read(self._ask(topics)) if self._has_ids else {}

    def look(self, topics: Sequence[str]) -> dict[str, str] | None:
        """As `ids` without waiting: begins to ask, and in a later call returns the answer; None until then."""
        if not self._asked:
            self._asked = self._ask(topics)
            return None
        if not all(answer.done() for answer in self._asked.values()):
            return None
        asked, self._asked = self._asked, {}
        return self._read(asked)

    def _ask(self, topics: Sequence[str]) -> dict[str, Any]:
        from confluent_kafka import KafkaException, TopicCollection  # type: ignore[import-not-found,unused-ignore]
        from confluent_kafka.admin import AdminClient  # type: ignore[import-not-found,unused-ignore]

        if not topics:
            return {}
        try:
            self._admin = self._admin or AdminClient(self._settings)
            asked: dict[str, Any] = self._admin.describe_topics(TopicCollection(list(topics)), request_timeout=_SECONDS)
        except (KafkaException, ValueError, TypeError) as error:
            log.info("Kafka gives no topic ids: %s", error)
            return {}
        return asked

    def _read(self, asked: dict[str, Any]) -> dict[str, str]:
        from confluent_kafka import KafkaException  # type: ignore[import-not-found,unused-ignore]

        found: dict[str, str] = {}
        for topic, answer in asked.items():
            try:
                text = str(answer.result().topic_id)
            except KafkaException as error:
                log.info("Kafka gives no id for %s: %s", topic, error)
                self._has_ids = self._has_ids and error.args[0].code() in _OF_THE_TOPIC
                continue
            if text not in _NO_ID:
                found[topic] = text
                self._has_ids = True
        return found

    def offsets(self, consumer: Any, partitions: Sequence[Any], home_id: str) -> list[PartitionOffsets]:  # noqa: ANN401 - confluent_kafka has no types
        """First, last and committed offset of partitions; unknown where Kafka does not answer.

        Args:
            consumer: of the group.
            partitions: TopicPartition of confluent_kafka.
            home_id: what this data folder writes beside the offsets that it commits.
        """
        from confluent_kafka import KafkaException  # type: ignore[import-not-found,unused-ignore]

        try:
            committed = consumer.committed(list(partitions), timeout=_SECONDS)
        except KafkaException as error:
            log.info("Kafka does not say which offsets are committed: %s", error)
            committed = [None] * len(partitions)
        found: list[PartitionOffsets] = []
        is_answering = True
        for each, known in zip(partitions, committed, strict=True):
            low, high = self.watermarks(consumer, each) if is_answering else (-1, -1)
            is_answering = high >= 0  # who does not answer is not asked again
            offset = max(UNKNOWN, known.offset) if known is not None and known.error is None else UNKNOWN
            found.append(PartitionOffsets(low, high, offset, offset >= 0 and known.metadata == home_id))
        return found

    def watermarks(self, consumer: Any, partition: Any) -> tuple[int, int]:  # noqa: ANN401 - confluent_kafka has no types
        """First offset and the one after the last record of a partition; -1 where they are not known."""
        from confluent_kafka import KafkaException  # type: ignore[import-not-found,unused-ignore]

        try:
            low, high = consumer.get_watermark_offsets(partition, timeout=_SECONDS)
        except KafkaException as error:
            log.info("Kafka does not say where %s/%d ends: %s", partition.topic, partition.partition, error)
            return -1, -1
        return int(low), int(high)


_OF_THE_TOPIC = {29, 3}
"""Error codes that say nothing about other topics: not authorised, unknown."""
