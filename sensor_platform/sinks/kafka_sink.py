"""Sink for Kafka: notifications and output streams, keyed by device."""

import contextlib
from collections.abc import Sequence
from typing import Any

from sensor_platform.errors import WrongUse
from sensor_platform.sinks.sink import Connections, Destination, SinkMessage, Unsendable, Unsent

_MESSAGE_MILLISECONDS = 8_000
_FLUSH_SECONDS = 10.0
"""Longer than the producer's own limit for a message, after which it reports the message as failed."""


_NEVER = {"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "TOPIC_EXCEPTION", "INVALID_RECORD", "INVALID_MSG"}
"""Errors that no later attempt mends."""


class KafkaSink:
    """Produces messages to their topics and waits until all replicas have acknowledged them."""

    def __init__(self, producer: Any) -> None:  # noqa: ANN401 - confluent_kafka has no types
        self._producer = producer

    def send(self, messages: Sequence[SinkMessage]) -> None:
        """Produce all of them; if one fails, all of them count as not sent."""
        from confluent_kafka import KafkaException  # type: ignore[import-not-found,unused-ignore]

        problems: list[Any] = []

        def delivered(error: object, _message: object) -> None:
            if error is not None:
                problems.append(error)

        try:
            for each in messages:
                key = each.key.encode("utf-8", "replace")
                self._producer.produce(each.topic, value=each.payload, key=key, on_delivery=delivered)
                self._producer.poll(0)
        except KafkaException as error:
            problems.append(error.args[0])
        except (BufferError, RuntimeError, ValueError) as error:
            raise Unsent(str(error)) from error
        if self._producer.flush(_FLUSH_SECONDS):
            with contextlib.suppress(RuntimeError):
                self._producer.purge()
            raise Unsent("Kafka did not acknowledge in time")
        if never := [error for error in problems if error.name() in _NEVER]:
            raise Unsendable(f"{never[0].name()}: {never[0].str()}")
        if problems:
            raise Unsent(str(problems[0].str()))

    def is_up(self) -> bool:
        """Return True: the producer connects by itself, and only an attempt shows whether it can."""
        return True

    def close(self) -> None:
        """Drop the producer with what it holds; the outbox still has the messages."""
        self._producer = None


def make(_destination: Destination, connections: Connections) -> KafkaSink:
    """Make the sink of a destination with a Kafka topic.

    Raises:
        WrongUse: the extra is not installed, or no server is named.
    """
    return KafkaSink(connections.kafka())


def make_producer(servers: str) -> Any:  # noqa: ANN401 - confluent_kafka has no types
    """Make a producer that retries without duplicates or loss.

    Args:
        servers: `bootstrap.servers`.

    Raises:
        WrongUse: the extra is not installed, or no server is named.
    """
    try:
        from confluent_kafka import Producer  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise WrongUse("Kafka needs confluent-kafka", "pip install 'sensor-platform[kafka]'") from error
    if not servers:
        raise WrongUse("site.yaml: live.kafka_servers is empty", "name the bootstrap servers")
    return Producer(
        {
            "bootstrap.servers": servers,
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "message.timeout.ms": _MESSAGE_MILLISECONDS,
        }
    )
