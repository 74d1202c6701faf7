"""The outbox's channels of the live process itself: republished streams and predictions that data asked for."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sensor_platform.errors import PlatformError
from sensor_platform.live.sending.outputs import in_parts
from sensor_platform.live.sending.prediction_contract import PREDICTIONS_TOPIC
from sensor_platform.live.sending.triggers import Request
from sensor_platform.sinks.channels import Unsent, produce
from sensor_platform.sinks.mqtt_link import Link


@dataclass(slots=True)
class MqttStream:
    """A republished stream to the site's broker."""

    link: Link
    retain: bool

    def send(self, bodies: Sequence[bytes]) -> None:
        """All of them, acknowledged."""
        for body in bodies:
            parts = in_parts(body)
            self.link.publish_all([(part.topic, part.payload) for part in parts], retain=self.retain)

    def is_up(self) -> bool:
        """Whether it is any use to try."""
        return self.link.is_connected

    def close(self) -> None:
        """The link is shared."""


@dataclass(slots=True)
class KafkaStream:
    """A republished stream to Kafka, keyed by device."""

    make: Callable[[], Any]
    _producer: Any = None

    def send(self, bodies: Sequence[bytes]) -> None:
        """All of them, acknowledged."""
        if self._producer is None:
            self._producer = self.make()
        for body in bodies:
            for topic, pairs in _by_topic(body).items():
                produce(self._producer, topic, pairs, timeout=30.0)

    def close(self) -> None:
        """Let go; the outbox has what was not sent."""
        self._producer = None


@dataclass(slots=True)
class PredictionSender:
    """Makes the predictions that data asked for, stores them as messages like any others, and tells the page."""

    predict: Callable[[str, dict[str, Any]], dict[str, Any]]
    store: Callable[[str, bytes], None]
    """Takes topic and payload; returns once they are on disk."""
    forward: Callable[[dict[str, Any]], None]
    recent: "deque[dict[str, Any]]" = field(default_factory=lambda: deque(maxlen=200))

    def send(self, bodies: Sequence[bytes]) -> None:
        """One prediction each. The same request again has the same message id, and is dropped as a repeat."""
        for body in bodies:
            request = msgspec.json.decode(body, type=Request)
            try:
                said = self.predict(request.trigger, dict(request.inputs))
                row = _row(request, said)
                self.store(f"{PREDICTIONS_TOPIC}/{request.trigger}", msgspec.json.encode(row))
            except (PlatformError, OSError, TimeoutError) as error:
                raise Unsent(str(error).splitlines()[0] if str(error) else type(error).__name__) from error
            self.recent.append(row)
            self.forward(row)

    def close(self) -> None:
        """Nothing is kept open."""


def _row(request: Request, said: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": f"{request.trigger}-{request.window_start}",
        "group": request.group,
        "window_start": request.window_start,
        "model": said["model"],
        request.trigger: said.get("value"),
        "inputs": request.inputs,
        "defaulted": list(request.defaulted),
    }
    if "class" in said:
        row |= {"class": said["class"], f"{request.trigger} confidence": said["confidence"]}
    return row


def _by_topic(body: bytes) -> dict[str, list[tuple[bytes, bytes]]]:
    found: dict[str, list[tuple[bytes, bytes]]] = {}
    for part in in_parts(body):
        found.setdefault(part.topic, []).append((part.key.encode("utf-8", "replace"), part.payload))
    return found
