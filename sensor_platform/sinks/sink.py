"""What a sink is: one protocol for people and machines, the messages that it sends, and where it sends them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Unsent(Exception):
    """The message could not be sent now; a later attempt may succeed."""


class Unsendable(Exception):
    """The receiver will never accept the message: it is too large, for instance."""


@dataclass(frozen=True, slots=True)
class SinkMessage:
    """One message of the outbox, decoded."""

    payload: bytes
    topic: str = ""
    key: str = ""
    """Id of the device: the key of the message in Kafka."""
    retain: bool = False
    """Whether an MQTT broker keeps the message for later subscribers."""


Reader = Callable[[bytes], Sequence[SinkMessage]]
"""Decodes the body of one row of the outbox."""


class Sink(Protocol):
    """Sends messages to one receiver. Belongs to one thread."""

    def send(self, messages: Sequence[SinkMessage]) -> None:
        """Send messages that belong together.

        Raises:
            Unsent: not all of them were accepted; the caller sends all of them again later.
            Unsendable: at least one of them will never be accepted.
        """

    def is_up(self) -> bool:
        """Whether an attempt makes sense. While it is False, messages wait in order and no attempt is counted."""

    def close(self) -> None:
        """Release connections that belong to this sink."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One channel of the outbox and its receiver, as the site's settings name it."""

    name: str
    """Name of the channel in the outbox."""
    kind: str
    """Key in `sink_table.SINKS`."""
    read: Reader
    address: str = ""
    """URL or topic."""
    is_uplink: bool = False
    """Whether it is sent to the upstream broker instead of the site's own."""
    timeout_seconds: float = 5.0
    """Longest time that a receiver may take to answer."""
    per_minute: int = 1_000_000
    """Maximum number of messages per minute; the others wait."""
    attempts: int = 1_000_000
    """Attempts after which a message becomes a dead letter."""
    is_ordered: bool = False
    """Whether messages are sent in the order in which they were put out: the first failure holds the others."""


class MqttPublisher(Protocol):
    """A connection to an MQTT broker."""

    @property
    def is_connected(self) -> bool:
        """Whether the broker is connected now."""

    def start(self) -> None:
        """Connect in the background; a second call does nothing."""

    def publish_all(self, messages: Sequence[SinkMessage]) -> None:
        """Publish at QoS 1 and wait until the broker has acknowledged all of them.

        Raises:
            Unsent: the broker did not acknowledge.
        """


@dataclass(frozen=True, slots=True)
class PredictionSteps:
    """What the live process does for one prediction."""

    predict: Callable[[str, dict[str, Any]], dict[str, Any]]
    """Takes the model's name and its inputs."""
    store: Callable[[str, bytes], None]
    """Takes topic and payload; returns once they are on disk."""
    publish: Callable[[dict[str, Any]], None]
    """Takes the stored prediction, for the page and the output streams."""


@dataclass(frozen=True, slots=True)
class Connections:
    """The connections and secrets of a process, which its sinks share."""

    link: MqttPublisher
    uplink: MqttPublisher | None
    """Connection to the upstream broker; None if no upstream broker is configured."""
    kafka: Callable[[], Any]
    """Makes a Kafka producer."""
    variables: Mapping[str, str]
    """Values for `${NAME}` in URLs of channels."""
    predictions: PredictionSteps | None = None
    """How a triggered prediction is made and stored; None in a process that makes none."""
