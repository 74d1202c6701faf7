"""The client library: a consumer that commits no offset by itself, and its records as rows of the WAL."""

from typing import Any

from sensor_platform.collect.config import KafkaSettings
from sensor_platform.collect.kafka.offsets import TIMESTAMP_HEADER, Partition, judge
from sensor_platform.collect.kafka.partition_progress import PartitionRecords
from sensor_platform.errors import WrongUse

_DEFAULTS: dict[str, Any] = {
    "session.timeout.ms": 10_000,
    "topic.metadata.refresh.interval.ms": 10_000,
    "statistics.interval.ms": 1_000,
    "log_level": 2,  # errors come to `error_cb`, and are told once
}
"""Settings of librdkafka that a site may change. A topic that is created later is found within the refresh interval."""
_NO_TIME = -1


def consumer_settings(source: KafkaSettings, login: tuple[str, str] | None, collector: str) -> dict[str, Any]:
    """Settings of librdkafka.

    Args:
        source: servers, group and further settings.
        login: user and password for SASL.
        collector: its name, which is the client id unless an option sets one.
    """
    own: dict[str, Any] = {
        "bootstrap.servers": source.servers,
        "group.id": source.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
    }
    if login:
        own |= {"sasl.username": login[0], "sasl.password": login[1]}
    options = _options(source)
    defaults = {"client.id": collector, **_DEFAULTS}
    if options.get("group.protocol") == "consumer":
        del defaults["session.timeout.ms"]  # the broker's, in this protocol (KIP-848)
    return {**defaults, **options, **own}


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


def row_of(message: Any, place: Partition, records: PartitionRecords, received_at: int) -> tuple[Any, ...]:  # noqa: ANN401 - confluent_kafka has no types
    """The fields of an envelope for `encode_record_rows`. A tombstone has an empty payload.

    Args:
        message: a message of confluent_kafka without error.
        place: its topic and partition.
        records: knows which records of the partition are stored; the record is added.
        received_at: microseconds since the epoch.
    """
    offset = message.offset()
    kind, milliseconds = message.timestamp()
    headers = message.headers()
    named = [(name, _text(value)) for name, value in headers] if headers else []
    if kind:  # 0: the record has no time
        named.append((TIMESTAMP_HEADER, str(milliseconds)))
    else:
        milliseconds = _NO_TIME
    payload = message.value() or b""
    progress = records.progress
    flag = 0
    if records.is_certain and offset >= progress.next:  # as in `judge`, without its cost
        progress.next = offset + 1
        if milliseconds > progress.newest:
            progress.newest = milliseconds
    else:
        flag = int(judge(place, records, offset, milliseconds, payload))
    return (
        place[0],
        payload,
        received_at,
        0,
        False,
        False,
        0,
        "kafka",
        flag,
        None,
        named,
        message.key(),
        place[1],
        offset,
    )


def _text(value: bytes | None) -> str:
    """A header's value; bytes that are not UTF-8 stay readable and distinct."""
    return "" if value is None else value.decode("utf-8", "backslashreplace")
