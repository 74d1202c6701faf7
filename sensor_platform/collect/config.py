"""What the collector is told: broker, credentials, subscriptions, when to commit and to seal."""

from typing import Literal

import msgspec


class Subscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One topic filter. Filters of one site must not overlap: retained messages would arrive once for each."""

    topic: str
    qos: Literal[0, 1, 2] = 1


class KafkaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where messages come from instead of MQTT, where `topics` are named."""

    servers: str = "127.0.0.1:9092"
    """bootstrap.servers"""
    topics: tuple[str, ...] = ()
    """Names; one that begins with ^ is a regular expression."""
    group: str = "sensor-platform"
    """Consumer group; several collectors, each with a home of its own, share the partitions."""
    options: tuple[str, ...] = ()
    """Further settings of librdkafka, for instance `security.protocol=ssl`."""

    def __post_init__(self) -> None:
        """Refuse what is no setting.

        Raises:
            ValueError: naming it.
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
    """Read instead of MQTT where it names topics."""
    protocol: Literal["3.1.1", "5"] = "5"
    session_expiry_seconds: int = 7 * 24 * 3600
    receive_maximum: int = 32767
    """Most unacknowledged messages that the broker may have in flight to us, 1..32767 (MQTT 5)."""
    keepalive_seconds: int = 30
    commit_milliseconds: float = 10.0
    """How long a group commit may wait for company; it never waits when the socket is quiet."""
    seal_seconds: float = 5.0
    """A segment with messages is sealed and handed to the lander at this age,"""
    seal_megabytes: int = 64
    """or at this size."""


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker is and how to log in; from the environment, never from the site folder."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    def __repr__(self) -> str:
        """Without the password: settings end up in logs."""
        scheme = "mqtts" if self.tls else "mqtt"
        user = f"{self.username}:***@" if self.username else ""
        return f"{scheme}://{user}{self.host}:{self.port}"
