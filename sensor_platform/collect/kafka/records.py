"""A Kafka record as an envelope: key, headers, partition, offset and time are kept."""

from datetime import datetime
from typing import Any

from sensor_platform.collect.kafka.offsets import TIMESTAMP_HEADER, StoredOffsets
from sensor_platform.reading.model import Envelope, EnvelopeFlag

_NO_TIME = -1


def envelope_of(message: Any, offsets: StoredOffsets, received_at: datetime) -> Envelope:  # noqa: ANN401 - confluent_kafka has no types
    """One record without error; a tombstone has an empty payload.

    Args:
        message: of confluent_kafka.
        offsets: says whether we have it already, and from now on knows it.
        received_at: aware UTC.
    """
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    kind, milliseconds = message.timestamp()
    headers = [(name, _text(value)) for name, value in message.headers() or ()]
    if kind:  # 0: it has none
        headers.append((TIMESTAMP_HEADER, str(milliseconds)))
    is_new = offsets.is_new(topic, partition, offset, milliseconds if kind else _NO_TIME)
    key = message.key()
    return Envelope(
        topic=topic,
        payload=message.value() or b"",
        received_at=received_at,
        segment="",
        position=0,
        session="kafka",
        flags=EnvelopeFlag.NONE if is_new else EnvelopeFlag.DUPLICATE,
        user_properties=tuple(headers),
        key=None if key is None else bytes(key),
        partition=partition,
        offset=offset,
    )


def _text(value: bytes | None) -> str:
    """A header's value; bytes that are no UTF-8 stay readable and distinct."""
    return "" if value is None else value.decode("utf-8", "backslashreplace")
