"""Settings of the collector, and the table of its sources."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec


class Subscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One topic filter. Filters of one site must not overlap: retained messages would arrive once for each."""

    topic: str
    qos: Literal[0, 1, 2] = 1


class KafkaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Kafka as the source, instead of MQTT, if `topics` are named."""

    servers: str = "127.0.0.1:9092"
    """bootstrap.servers"""
    topics: tuple[str, ...] = ()
    """Topic names; a name that begins with ^ is a regular expression."""
    group: str = "sensor-platform"
    """Consumer group: several collectors, each with its own home, share the partitions."""
    options: tuple[str, ...] = ()
    """Additional settings of librdkafka, for instance `security.protocol=ssl`."""

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            ValueError: an option is not of the form name=value, or is a secret.
        """
        if wrong := [text for text in self.options if "=" not in text]:
            raise ValueError(f"options: {wrong[0]!r} is not of the form name=value")
        names = [text.partition("=")[0].strip() for text in self.options]
        if secret := [name for name in names if "password" in name or "secret" in name]:
            raise ValueError(f"options: {secret[0]} is a secret; set SENSOR_PLATFORM_KAFKA_USERNAME and _PASSWORD")


class CollectConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `collect` of site.yaml."""

    collector: str = "collector"
    """Name of this collector; part of segment names and of the client id."""
    subscriptions: tuple[Subscription, ...] = (Subscription(topic="sensors/#"),)
    kafka: KafkaSettings = KafkaSettings()
    """Used instead of MQTT if it names topics."""
    protocol: Literal["3.1.1", "5"] = "5"
    session_expiry_seconds: int = 7 * 24 * 3600
    receive_maximum: int = 32767
    """Maximum number of unacknowledged messages in flight from the broker, 1..32767 (MQTT 5)."""
    keepalive_seconds: int = 30
    commit_milliseconds: float = 10.0
    """Maximum time that a group commit waits for more messages; it never waits when the socket is quiet."""
    seal_seconds: float = 5.0
    """Age at which a segment with messages is sealed and handed to the lander."""
    seal_megabytes: int = 64
    """Size at which a segment is sealed, even if it is younger."""


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """Address and login of an MQTT broker; from the environment, never from the site folder."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    def __repr__(self) -> str:
        """URL without the password, because settings are logged."""
        scheme = "mqtts" if self.tls else "mqtt"
        user = f"{self.username}:***@" if self.username else ""
        return f"{scheme}://{user}{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One row of the table of sources."""

    name: str
    is_chosen: Callable[[CollectConfig], bool]
    """Whether the settings ask for this source."""
    target: str
    """`module:class`. Imported only if it is chosen, because its library may be an optional extra."""
    has_login: bool = False
    """Whether user and password come from SENSOR_PLATFORM_<NAME>_USERNAME and _PASSWORD."""


_HERE = "sensor_platform.collect"
SOURCES = (
    SourceKind(
        "kafka", lambda config: bool(config.kafka.topics), f"{_HERE}.kafka.kafka_source:KafkaSource", has_login=True
    ),
    SourceKind("mqtt", lambda _: True, f"{_HERE}.mqtt.mqtt_source:MqttSource"),
)
"""The first entry that is chosen is used."""
