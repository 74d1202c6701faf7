"""Store and forward: a test session goes offline, messages are published, it reconnects and counts them."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from sensor_platform.collect.config import Broker
from sensor_platform.devices.publisher import Publisher
from sensor_platform.errors import CheckFailed, Unreachable

_T = TypeVar("_T")

_ANSWER_SECONDS = 5.0
_QUIET_SECONDS = 3.0
"""After this time without a message no more are expected."""
_EXPIRY_SECONDS = 300
"""If doctor is killed, an MQTT 5 broker removes its session after this time."""


@dataclass(frozen=True, slots=True)
class BrokerLimits:
    """Limits in the CONNACK of MQTT 5."""

    receive_maximum: int
    maximum_qos: int
    session_expiry_seconds: int
    keeps_retained: bool = True


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The test messages that are published while the session is offline."""

    protocol: Literal["3.1.1", "5"]
    messages: int
    topic: str


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """What the session received."""

    was_kept: bool
    """Whether the broker kept the session."""
    arrived: int
    """Number of different messages received, of those that were published and acknowledged."""


def connect_v5(broker: Broker, expiry_seconds: int) -> BrokerLimits:
    """Connect with MQTT 5 and read the broker's limits.

    Raises:
        Unreachable: the broker does not accept MQTT 5.
    """
    session = _Session(broker, "5", f"doctor-{secrets.token_hex(6)}", expiry_seconds)
    answer = session.connect(clean=True)
    session.forget()
    return BrokerLimits(
        receive_maximum=int(getattr(answer, "ReceiveMaximum", 65535)),
        maximum_qos=int(getattr(answer, "MaximumQoS", 2)),
        session_expiry_seconds=int(getattr(answer, "SessionExpiryInterval", expiry_seconds)),
        keeps_retained=bool(getattr(answer, "RetainAvailable", 1)),
    )


def store_and_forward(broker: Broker, test: SelfTest) -> SelfTestResult:
    """Publish at QoS 1 to a session that is offline, then receive. Nothing is left at the broker, even after an error.

    Raises:
        CheckFailed: the broker refused the subscription, or did not acknowledge every message.
        Unreachable: the broker cannot be reached any more.
    """
    run = secrets.token_hex(6)
    topic = f"{test.topic}/{run}"
    session = _Session(broker, test.protocol, f"doctor-{run}", _EXPIRY_SECONDS)
    try:
        session.connect(clean=False)  # there is no session of that name yet; in 3.1.1 a clean session would not be kept
        session.subscribe(topic)
        session.disconnect()
        _publish(broker, topic, test.messages)
        session.connect(clean=False)
        if session.was_kept:
            session.receive(test.messages)
        return SelfTestResult(session.was_kept, len(session.arrived))
    finally:
        session.forget()


def _publish(broker: Broker, topic: str, messages: int) -> None:
    with Publisher(broker) as publisher:
        for number in range(messages):
            publisher.publish(topic, b"%d" % number)
        publisher.drain(30.0)
        if publisher.acknowledged < messages:
            raise CheckFailed(
                f"the broker acknowledged {publisher.acknowledged} of {messages} messages within 30 s",
                "see its log: is it overloaded, or its disk full?",
            )


class _Session:
    """One persistent session under one client id, driven in the caller's thread."""

    def __init__(self, broker: Broker, protocol: Literal["3.1.1", "5"], client_id: str, expiry_seconds: int) -> None:
        self._broker, self._protocol, self._client_id = broker, protocol, client_id
        self._expiry_seconds = expiry_seconds
        self._client: paho.Client | None = None
        self._answer: tuple[ReasonCode, Properties | None] | None = None
        self._granted: list[ReasonCode] | None = None
        self.was_kept = False
        self.arrived: set[bytes] = set()

    def connect(self, *, clean: bool) -> Properties | None:
        self._answer = None
        client = self._client = self._new_client(clean=clean)
        options: dict[str, Any] = {}
        if self._protocol == "5":
            options["clean_start"] = clean
            options["properties"] = properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = self._expiry_seconds
        try:
            client.connect(self._broker.host, self._broker.port, keepalive=60, **options)
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from error
        answer = self._wait_for(lambda: self._answer)
        if answer is None:
            raise self._lost("no answer to CONNECT")
        if answer[0].is_failure:
            raise self._lost(f"refused: {answer[0]}")
        return answer[1]

    def subscribe(self, topic: str) -> None:
        assert self._client is not None
        self._granted = None
        self._client.subscribe(topic, qos=1)
        granted = self._wait_for(lambda: self._granted)
        if not granted or granted[0].is_failure:
            raise CheckFailed(
                f"this login may not subscribe to {topic}",
                "allow it in the broker's access list, or name another --topic",
            )

    def receive(self, messages: int) -> None:
        """Receive until all messages have arrived, or none for some seconds."""
        assert self._client is not None
        before, heard_at = 0, time.monotonic()
        while len(self.arrived) < messages and time.monotonic() - heard_at < _QUIET_SECONDS:
            self._client.loop(0.2)
            if len(self.arrived) > before:
                before, heard_at = len(self.arrived), time.monotonic()

    def disconnect(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        client.disconnect()
        end = time.monotonic() + _ANSWER_SECONDS
        while client.loop(0.1) == paho.MQTT_ERR_SUCCESS and time.monotonic() < end:
            pass

    def forget(self) -> None:
        """Disconnect, and remove the session from the broker."""
        self.disconnect()
        self._expiry_seconds = 0
        try:
            self.connect(clean=True)
        except Unreachable:
            return  # the broker cannot be reached, or never accepted us: nothing can be removed
        self.disconnect()

    def _new_client(self, *, clean: bool) -> paho.Client:
        is_v5 = self._protocol == "5"
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if is_v5 else clean,
            protocol=paho.MQTTv5 if is_v5 else paho.MQTTv311,
            reconnect_on_failure=False,
        )
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls:
            client.tls_set(self._broker.ca_file, self._broker.cert_file, self._broker.key_file)
        return client

    def _wait_for(self, answer: Callable[[], _T | None]) -> _T | None:
        assert self._client is not None
        end = time.monotonic() + _ANSWER_SECONDS
        while answer() is None and time.monotonic() < end:
            if self._client.loop(0.2) != paho.MQTT_ERR_SUCCESS:
                break
        return answer()

    def _lost(self, reason: str) -> Unreachable:
        return Unreachable(f"{self._broker!r}, MQTT {self._protocol}: {reason}", "see the broker's log")

    def _on_connect(
        self, _client: paho.Client, _data: object, flags: paho.ConnectFlags, code: ReasonCode, answer: Properties | None
    ) -> None:
        self.was_kept = flags.session_present
        self._answer = (code, answer)

    def _on_subscribe(
        self, _client: paho.Client, _data: object, _mid: int, codes: list[ReasonCode], _answer: Properties | None
    ) -> None:
        self._granted = codes

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.arrived.add(bytes(message.payload))
