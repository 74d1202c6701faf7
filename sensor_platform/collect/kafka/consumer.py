"""librdkafka's consumer, told what our promise needs: no offset is committed but by us."""

from typing import Any

from sensor_platform.collect.config import KafkaSettings
from sensor_platform.errors import WrongUse

_DEFAULTS = {"session.timeout.ms": 10_000, "topic.metadata.refresh.interval.ms": 10_000}
"""Of librdkafka, unless the site says otherwise. A topic that does not exist yet is found when it does."""


def make_consumer(source: KafkaSettings, login: tuple[str, str] | None) -> Any:  # noqa: ANN401 - confluent_kafka has no types
    """A consumer that is not subscribed yet.

    Args:
        source: servers, group and further settings.
        login: user and password for SASL.

    Raises:
        WrongUse: the extra is not installed, or librdkafka does not take the settings.
    """
    try:
        from confluent_kafka import Consumer, KafkaException  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise WrongUse("Kafka needs confluent-kafka", "pip install 'sensor-platform[kafka]'") from error
    own: dict[str, Any] = {
        "bootstrap.servers": source.servers,
        "group.id": source.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
    }
    if login:
        own |= {"sasl.username": login[0], "sasl.password": login[1]}
    try:
        return Consumer({**_DEFAULTS, **_options(source), **own})
    except (KafkaException, ValueError, TypeError) as error:
        raise WrongUse(f"site.yaml: collect.kafka: {error}", "see librdkafka's configuration") from error


def _options(source: KafkaSettings) -> dict[str, str]:
    pairs = (text.partition("=") for text in source.options)
    return {name.strip(): value.strip() for name, _, value in pairs}
