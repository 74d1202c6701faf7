"""The live process's own connection to a broker: publishes for the sinks, and receives the states of devices."""

import logging
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from sensor_platform.collect.config import Broker
from sensor_platform.reading.names import topic_matches
from sensor_platform.sinks.sink import SinkMessage, Unsent

log = logging.getLogger(__name__)
_ACK_SECONDS = 10.0
_MOST_STATES = 100_000
_MOST_STATE_BYTES = 64


@dataclass(slots=True)
class DeviceStates:
    """Newest state of each device, as published by the device or by its last will."""

    topic: str
    """Topic filter; the level of the first `+` is the device's id."""
    states: dict[str, str] = field(default_factory=dict)

    def take(self, topic: str, payload: bytes) -> None:
        """Take a message; the number of devices and the length of a state are bounded."""
        if not topic_matches(self.topic, topic):
            return
        levels = zip(self.topic.split("/"), topic.split("/"), strict=False)
        device = next((found for wanted, found in levels if wanted == "+"), None)
        text = payload[:_MOST_STATE_BYTES].decode("utf-8", "replace").strip()
        if device and (device in self.states or len(self.states) < _MOST_STATES):
            self.states[device] = text or "unknown"


@dataclass(slots=True)
class MqttLink:
    """A paho client with its thread; reconnects automatically."""

    broker: Broker
    client_id: str
    is_v5: bool
    states: DeviceStates | None = None
    _client: Any = None
    _start_lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_connected(self) -> bool:
        """Whether the broker is connected now."""
        return self._client is not None and bool(self._client.is_connected())

    def start(self) -> None:
        """Connect in the background, and again whenever the connection is lost. A second call does nothing."""
        with self._start_lock:
            if self._client is None:
                self._client = self._make()
                self._client.connect_async(self.broker.host, self.broker.port)
                self._client.loop_start()

    def publish_all(self, messages: Sequence[SinkMessage]) -> None:
        """Publish at QoS 1 and wait until the broker has acknowledged all of them.

        Raises:
            Unsent: the broker is not connected, or did not acknowledge in time.
        """
        self.start()
        if not self.is_connected:
            raise Unsent("the broker is not connected")
        try:
            sent = [self._client.publish(each.topic, each.payload, qos=1, retain=each.retain) for each in messages]
            for each in sent:
                each.wait_for_publish(_ACK_SECONDS)
        except (ValueError, RuntimeError) as error:
            raise Unsent(str(error)) from error
        if not all(each.is_published() for each in sent):
            raise Unsent("the broker did not acknowledge in time")

    def stop(self) -> None:
        """Disconnect."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()

    def _make(self) -> Any:  # noqa: ANN401 - paho's client
        client = paho.Client(
            CallbackAPIVersion.VERSION2, self.client_id, protocol=paho.MQTTv5 if self.is_v5 else paho.MQTTv311
        )
        broker = self.broker
        if broker.username:
            client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            context = ssl.create_default_context(cafile=broker.ca_file)
            if broker.cert_file:
                context.load_cert_chain(broker.cert_file, broker.key_file)
            client.tls_set_context(context)
        client.reconnect_delay_set(1, 30)
        client.on_connect = self._connected
        client.on_message = self._received
        return client

    def _connected(self, client: Any, *_: object) -> None:  # noqa: ANN401
        log.info("connected to the broker")
        if self.states is not None:
            client.subscribe(self.states.topic, qos=1)

    def _received(self, _client: object, _data: object, message: Any) -> None:  # noqa: ANN401
        if self.states is not None:
            self.states.take(message.topic, message.payload)
