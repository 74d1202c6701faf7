"""Who carries what leaves the process: a sender for every channel, stream and trigger, and its dispatcher."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sensor_platform.alert import store
from sensor_platform.alert.compose import COMMANDS
from sensor_platform.alert.config import AlertConfig
from sensor_platform.errors import WrongUse
from sensor_platform.live.config import LiveConfig, Republish
from sensor_platform.live.sending.outputs import Published, stream_channel
from sensor_platform.live.sending.senders import KafkaStream, MqttStream, PredictionSender
from sensor_platform.live.sending.triggers import trigger_channel
from sensor_platform.sinks.channels import CommandSender, Sender, sender_of
from sensor_platform.sinks.dispatcher import Dispatcher, always
from sensor_platform.sinks.mqtt_link import Link


@dataclass(frozen=True, slots=True)
class Carriers:
    """What is sent, and over what."""

    path: Path
    """Of the live file, which holds the outbox."""
    config: LiveConfig
    alerts: AlertConfig
    link: Link
    uplink: Link | None
    variables: Mapping[str, str]
    """For the secrets in channels' URLs."""
    clock: Callable[[], int]
    predict: Callable[[str, dict[str, Any]], dict[str, Any]]
    store_message: Callable[[str, bytes], None]
    predictions: "deque[dict[str, Any]]" = field(default_factory=lambda: deque(maxlen=200))
    """The newest, for the page."""

    def dispatchers(self) -> list[Dispatcher]:
        """One for each sender, not started.

        Raises:
            WrongUse: a channel cannot be made.
        """
        return [self._dispatcher(name, sender) for name, sender in self._senders().items()]

    def _senders(self) -> dict[str, Sender]:
        """By channel name."""
        senders: dict[str, Sender] = {
            name: sender_of(name, channel, self.variables, self.link.publish, self.kafka_producer)
            for name, channel in self.alerts.channels.items()
        }
        if any(rule.command for rule in self.alerts.rules):
            senders[COMMANDS] = CommandSender(self.link.publish)
        for number, stream in enumerate(self.config.republish):
            senders[stream_channel(number, stream)] = (
                KafkaStream(self.kafka_producer) if stream.kafka else MqttStream(self._link_of(stream), stream.retain)
            )
        for trigger in self.config.triggers:
            senders[trigger_channel(trigger)] = PredictionSender(
                self.predict, self.store_message, self._forward_prediction, self.predictions
            )
        return senders

    def _link_of(self, stream: Republish) -> Link:
        if stream.to == "site":
            return self.link
        if self.uplink is None:
            raise WrongUse(
                "site.yaml: live.republish has a stream to the uplink, and none is known",
                "set SENSOR_PLATFORM_UPLINK_URL, for instance mqtts://user:password@centre.example.org",
            )
        return self.uplink

    def _forward_prediction(self, row: dict[str, Any]) -> None:
        """To the streams that want predictions, through the outbox."""
        wanted = [(n, s) for n, s in enumerate(self.config.republish) if s.what == "predictions"]
        if not wanted:
            return
        connection = store.connect(self.path)
        try:
            for number, stream in wanted:
                topic = (stream.mqtt or stream.kafka).replace("{device}", row["group"])
                body = msgspec.msgpack.encode([Published(topic, row["group"], msgspec.json.encode(row))])
                key = f"{row['id']}-{row['group']}"
                store.store_outgoing(
                    connection, [store.Outgoing(key, stream_channel(number, stream), body, self.clock())]
                )
        finally:
            connection.close()

    def _dispatcher(self, name: str, sender: Sender) -> Dispatcher:
        channel = self.alerts.channels.get(name)
        if channel is None:
            is_up = sender.is_up if isinstance(sender, MqttStream) else always
            return Dispatcher(
                name, self.path, sender, self.clock, per_minute=1_000_000, attempts=1_000_000, is_up=is_up
            )
        return Dispatcher(name, self.path, sender, self.clock, channel.per_minute, channel.attempts)

    def kafka_producer(self) -> Any:  # noqa: ANN401 - confluent_kafka has no types
        """A producer that loses nothing it was given.

        Raises:
            WrongUse: the extra is not installed, or no server is named.
        """
        try:
            from confluent_kafka import Producer  # type: ignore[import-not-found,unused-ignore]
        except ImportError as error:
            raise WrongUse("Kafka needs confluent-kafka", "pip install 'sensor-platform[kafka]'") from error
        if not self.config.kafka_servers:
            raise WrongUse("site.yaml: live.kafka_servers is empty", "name the bootstrap servers")
        return Producer(
            {
                "bootstrap.servers": self.config.kafka_servers,
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "message.timeout.ms": 8_000,
            }
        )
