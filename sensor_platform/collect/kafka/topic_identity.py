"""What Kafka says about the topics of a consumer: their ids and the ends of their partitions."""

import logging
from collections.abc import Sequence
from typing import Any

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
)


class TopicIdentity:
    """Asks a Kafka cluster. Everything it cannot say is empty or -1: the times of the records then decide."""

    def __init__(self, settings: dict[str, Any]) -> None:
        """Connect to nothing yet.

        Args:
            settings: of the consumer.
        """
        self._settings = {name: value for name, value in settings.items() if not name.startswith(_CONSUMER_ONLY)}
        self._has_ids = True

    def ids(self, topics: Sequence[str]) -> dict[str, str]:
        """Id by topic, of those that have one (KIP-516)."""
        from confluent_kafka import KafkaException, TopicCollection  # type: ignore[import-not-found,unused-ignore]
        from confluent_kafka.admin import AdminClient  # type: ignore[import-not-found,unused-ignore]

        found: dict[str, str] = {}
        if not self._has_ids or not topics:
            return found
        try:
            asked = AdminClient(self._settings).describe_topics(TopicCollection(list(topics)), request_timeout=_SECONDS)
        except (KafkaException, ValueError, TypeError) as error:
            log.info("Kafka gives no topic ids: %s", error)
            return found
        for topic, answer in asked.items():
            try:
                text = str(answer.result().topic_id)
            except KafkaException as error:
                log.info("Kafka gives no id for %s: %s", topic, error)
                self._has_ids = error.args[0].code() in _OF_THE_TOPIC
                continue
            if text not in _NO_ID:
                found[topic] = text
        return found

    def end(self, consumer: Any, partition: Any) -> int:  # noqa: ANN401 - confluent_kafka has no types
        """Offset after the last record of a partition; -1 where it is not known."""
        from confluent_kafka import KafkaException  # type: ignore[import-not-found,unused-ignore]

        try:
            _, end = consumer.get_watermark_offsets(partition, timeout=_SECONDS)
        except KafkaException as error:
            log.info("Kafka does not say where %s/%d ends: %s", partition.topic, partition.partition, error)
            return -1
        return int(end)


_OF_THE_TOPIC = {29, 3}
"""Error codes that say nothing about other topics: not authorised, unknown."""
