"""The channels themselves: apprise for people, MQTT and Kafka for machines. Each sends one body, or raises `Unsent`."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from sensor_platform.alert.compose import CommandMessage, Notification
from sensor_platform.alert.config import Channel, fill_variables
from sensor_platform.errors import WrongUse


class Unsent(Exception):
    """It did not work; it may later."""


class Sender(Protocol):
    """One channel at work, in a thread of its own."""

    def send(self, bodies: Sequence[bytes]) -> None:
        """Send messages that belong together; one, unless they are grouped.

        Raises:
            Unsent: none of them may count as sent.
        """

    def close(self) -> None:
        """Give up connections."""


class Publish(Protocol):
    """Publishes to the site's broker and waits for its acknowledgement; raises Unsent."""

    def __call__(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Once it returns the broker has it."""


def sender_of(
    name: str, channel: Channel, variables: Mapping[str, str], publish: Publish, kafka: Callable[[], Any]
) -> Sender:
    """The sender of a channel.

    Raises:
        WrongUse: apprise does not know the URL, or a secret is missing.
    """
    if channel.url:
        return AppriseSender(name, fill_variables(channel.url, variables), channel.timeout_seconds)
    if channel.mqtt:
        return MqttSender(channel.mqtt, publish, retain=channel.retain)
    return KafkaSender(channel.kafka, kafka)


class AppriseSender:
    """E-mail, chat, SMS, webhook: whatever apprise knows. JSON webhooks carry the notification itself, with its key."""

    def __init__(self, name: str, url: str, timeout: float) -> None:
        import apprise

        self._name = name
        self._timeout = timeout
        plugin = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if plugin is None:
            raise WrongUse(
                f"rules.yaml: apprise does not know the url of channel {name!r}",
                "see https://github.com/caronc/apprise/wiki for the form of each service",
            )
        self._plugin: Any = plugin
        self._plugin.socket_connect_timeout = timeout
        self._plugin.socket_read_timeout = timeout
        # Its own pause between two messages (5.5 s for mail) would hold up what is urgent; `per_minute` is ours.
        self._plugin.request_rate_per_sec = 0

    def send(self, bodies: Sequence[bytes]) -> None:
        """One notification for all of them."""
        import apprise

        notifications = [msgspec.json.decode(body, type=Notification) for body in bodies]
        first = notifications[0]
        title = first.title if len(notifications) == 1 else f"{first.title} and {len(notifications) - 1} more"
        text = "\n\n".join(
            f"{each.title}\n{each.text}" if len(notifications) > 1 else each.text for each in notifications
        )
        kind = apprise.NotifyType.SUCCESS if first.kind == "resolved" else apprise.NotifyType.WARNING
        if first.kind != "resolved" and first.level == "critical":
            kind = apprise.NotifyType.FAILURE
        self._add_fields(notifications)
        try:
            is_sent = self._plugin.notify(body=text, title=title, notify_type=kind)
        except (OSError, TypeError, ValueError) as error:
            raise Unsent(f"{type(error).__name__}: {error}") from error
        if not is_sent:
            raise Unsent(f"the service of channel {self._name!r} did not take it")

    def close(self) -> None:
        """Nothing is kept open."""

    def _add_fields(self, notifications: Sequence[Notification]) -> None:
        if hasattr(self._plugin, "payload_extras"):
            fields = {name: value for name, value in msgspec.to_builtins(notifications[0]).items() if name != "title"}
            self._plugin.payload_extras = fields | {"keys": [each.key for each in notifications]}
            self._plugin.headers["Idempotency-Key"] = notifications[0].key


class MqttSender:
    """Notifications as JSON to a topic of the site's broker."""

    def __init__(self, topic: str, publish: Publish, *, retain: bool) -> None:
        self._topic = topic
        self._publish = publish
        self._retain = retain

    def send(self, bodies: Sequence[bytes]) -> None:
        """Each on its own."""
        for body in bodies:
            notification = msgspec.json.decode(body, type=Notification)
            words = {
                "rule": notification.rule,
                "device": notification.device_id,
                "metric": notification.metric,
                "level": notification.level,
            }
            self._publish(topic_of(self._topic, words), body, retain=self._retain)

    def close(self) -> None:
        """The connection belongs to whoever made it."""


class CommandSender:
    """Local commands."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish

    def send(self, bodies: Sequence[bytes]) -> None:
        """Each on its own."""
        for body in bodies:
            command = msgspec.json.decode(body, type=CommandMessage)
            self._publish(command.topic, command.payload.encode(), retain=command.retain)

    def close(self) -> None:
        """The connection belongs to whoever made it."""


class KafkaSender:
    """Notifications as JSON to a topic of Kafka, keyed by device, acknowledged by all replicas."""

    def __init__(self, topic: str, producer: Callable[[], Any]) -> None:
        self._topic = topic
        self._make = producer
        self._producer: Any = None

    def send(self, bodies: Sequence[bytes]) -> None:
        """All of them, or none counts."""
        if self._producer is None:
            self._producer = self._make()
        pairs = [
            (msgspec.json.decode(body, type=Notification).device_id.encode("utf-8", "replace"), body) for body in bodies
        ]
        produce(self._producer, self._topic, pairs)

    def close(self) -> None:
        """Let go of what waits; the outbox still has it."""
        self._producer = None


def produce(producer: Any, topic: str, pairs: Sequence[tuple[bytes, bytes]], timeout: float = 10.0) -> None:  # noqa: ANN401 - confluent_kafka has no types
    """Send (key, value) pairs and wait for their acknowledgement.

    Raises:
        Unsent: at least one was not acknowledged in time.
    """
    problems: list[str] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            problems.append(str(error))

    try:
        for key, value in pairs:
            producer.produce(topic, value=value, key=key, on_delivery=delivered)
            producer.poll(0)
    except (BufferError, RuntimeError, ValueError) as error:
        raise Unsent(str(error)) from error
    if producer.flush(timeout):
        with contextlib.suppress(RuntimeError):
            producer.purge()
        raise Unsent("Kafka did not acknowledge in time")
    if problems:
        raise Unsent(problems[0])


def topic_of(template: str, words: Mapping[str, str]) -> str:
    """An MQTT topic with words filled in; what a level of a topic cannot hold becomes `_`."""
    topic = template
    for name, value in words.items():
        safe = "".join("_" if each in "/+#" or not each.isprintable() else each for each in value)
        topic = topic.replace(f"{{{name}}}", safe[:128])
    return topic
