"""The client library: a consumer that commits no offset by itself, and its records as envelopes."""

from datetime import datetime
from typing import Any

from sensor_platform.collect.config import KafkaSettings
from sensor_platform.collect.kafka.offsets import TIMESTAMP_HEADER, StoredOffsets
from sensor_platform.errors import WrongUse
from sensor_platform.reading.model import Envelope

_DEFAULTS = {"session.timeout.ms": 10_000, "topic.metadata.refresh.interval.ms": 10_000}
"""Settings of librdkafka that a site may change. A topic that is created later is found within the refresh interval."""
_NO_TIME = -1


def consumer_settings(source: KafkaSettings, login: tuple[str, str] | None) -> dict[str, Any]:
    """Settings of librdkafka.

    Args:
        source: servers, group and further settings.
        login: user and password for SASL.
    """
    own: dict[str, Any] = {
        "bootstrap.servers": source.servers,
        "group.id": source.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
    }
    if login:
        own |= {"sasl.username": login[0], "sasl.password": login[1]}
    return {**_DEFAULTS, **_options(source), **own}


def make_consumer(settings: dict[str, Any]) -> Any:  # noqa: ANN401 - confluent_kafka has no types
    """Make a consumer that is not subscribed yet.

    Raises:
        WrongUse: the extra `kafka` is not installed, or librdkafka refuses the settings.
    """
    try:
        from confluent_kafka import Consumer, KafkaException  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise WrongUse("Kafka needs confluent-kafka", "pip install 'sensor-platform[kafka]'") from error
    try:
        return Consumer(settings)
    except (KafkaException, ValueError, TypeError) as error:
        raise WrongUse(f"site.yaml: collect.kafka: {error}", "see librdkafka's configuration") from error


def _options(source: KafkaSettings) -> dict[str, str]:
    pairs = (text.partition("=") for text in source.options)
    return {name.strip(): value.strip() for name, _, value in pairs}


def envelope_of(message: Any, offsets: StoredOffsets, received_at: datetime) -> Envelope:  # noqa: ANN401 - confluent_kafka has no types
    """One record as an envelope with its key, headers, partition, offset and time. A tombstone has an empty payload.

    Args:
        message: a message of confluent_kafka without error.
        offsets: knows which records are stored; the record is added.
        received_at: aware UTC.
    """
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    kind, milliseconds = message.timestamp()
    headers = [(name, _text(value)) for name, value in message.headers() or ()]
    if kind:  # 0: the record has no time
        headers.append((TIMESTAMP_HEADER, str(milliseconds)))
    flag = offsets.judge(topic, partition, offset, milliseconds if kind else _NO_TIME)
    key = message.key()
    return Envelope(
        topic=topic,
        payload=message.value() or b"",
        received_at=received_at,
        segment="",
        position=0,
        session="kafka",
        flags=flag,
        user_properties=tuple(headers),
        key=None if key is None else bytes(key),
        partition=partition,
        offset=offset,
    )


def _text(value: bytes | None) -> str:
    """A header's value; bytes that are not UTF-8 stay readable and distinct."""
    return "" if value is None else value.decode("utf-8", "backslashreplace")
