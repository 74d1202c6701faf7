"""The MQTT client of the collector: connects, subscribes to everything, and explains failures."""

import logging
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from sensor_platform.collect.config import Broker, CollectConfig
from sensor_platform.collect.mqtt.frame_encoder import FrameEncoder
from sensor_platform.collect.mqtt.paho_client import (
    WILLS,
    StateForm,
    TakenOver,
    explain_failure,
    explain_refusal,
    lesser_will,
    make_client,
    open_connection,
    refusal_code,
    set_will,
    state_topic,
)
from sensor_platform.collect.mqtt.read_paths import BulkReadPath, PahoReadPath, ReadPath
from sensor_platform.collect.mqtt.redelivery import RedeliveryDetector
from sensor_platform.collect.mqtt.session_record import SessionRecord, load_record, save_record
from sensor_platform.errors import PlatformError, Unreachable, WrongUse

log = logging.getLogger(__name__)
_ANSWER_SECONDS = 10.0
_TAKEN_OVER = 0x8E


@dataclass(frozen=True, slots=True)
class ConnectionSetup:
    """Settings of a connection."""

    config: CollectConfig
    broker: Broker
    client_id: str
    record_path: Path
    use_bulk_reading: bool
    new_session: Callable[[], str]
    """Returns a session id that was never used."""
    clock: Callable[[], float]
    """Monotonic seconds."""


@dataclass(slots=True)
class SubscriptionChange:
    """A change of the subscriptions that the broker has not confirmed yet."""

    before: CollectConfig
    asked: dict[str, int]
    """QoS by topic filter, of all filters that are wanted."""
    fresh: dict[str, int] = field(default_factory=dict)
    """QoS by topic filter, of those that the broker does not have."""
    mid: int = -1
    """Number of the SUBSCRIBE packet; -1 if the next connection subscribes."""


class BrokerConnection:
    """One MQTT client over all its connections."""

    def __init__(self, setup: ConnectionSetup, encoder: FrameEncoder, redelivery: RedeliveryDetector) -> None:
        self._setup = setup
        self._encoder = encoder
        self._redelivery = redelivery
        self._client = make_client(setup.config, setup.broker, setup.client_id)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        read_path = BulkReadPath if setup.use_bulk_reading else PahoReadPath
        self.read_path: ReadPath = read_path(self._client, encoder, 5 if setup.config.protocol == "5" else 4)
        self._state_form = WILLS[0]
        self._asked: dict[str, int] = {}
        self._former: dict[str, int] = {}
        self._heard_at = 0.0
        self._change: SubscriptionChange | None = None
        self.refusal: PlatformError | None = None
        """Why the broker refused the last change of the subscriptions; the ones before it are in force."""
        self.is_connected = False
        self.is_subscribed = False
        self.was_ever_connected = False
        self.problem: PlatformError | None = None
        """Why the last connection was lost or refused."""

    @property
    def client_id(self) -> str:
        """Under which the broker knows us."""
        return self._setup.client_id

    @property
    def sock(self) -> Any | None:  # noqa: ANN401 - paho's socket, plain, TLS or wrapped: something with a fileno
        """For select; None while there is no connection."""
        return self._client.socket()

    def open(self) -> None:
        """Open the socket and send CONNECT.

        Raises:
            PlatformError: see `explain_failure`.
        """
        self.problem = None
        self.is_connected = self.is_subscribed = False
        if self._change is not None:
            self._change.mid = -1  # this connection subscribes to everything
        self.note_heard()
        open_connection(self._client, self._setup.config, self._setup.broker)

    def tend(self) -> None:
        """Send keep-alive packets, and close a connection whose broker does not answer."""
        self._client.loop_misc()
        if not self.is_subscribed and self._setup.clock() - self._heard_at > _ANSWER_SECONDS:
            self.close(Unreachable(f"{self._setup.broker!r} does not answer", "check the broker; trying again"))

    def note_heard(self) -> None:
        """The broker has sent something, or could not be read: its answer may still be on the way."""
        self._heard_at = self._setup.clock()

    @property
    def is_changing(self) -> bool:
        """Whether the broker has not confirmed the last change of the subscriptions yet."""
        return self._change is not None

    def resubscribe(self, config: CollectConfig) -> None:
        """Change the subscriptions without a new connection: filters are added before others are removed.

        In between, a broker may send a message twice that an old and a new filter match; none is lost. Where there is
        no connection now, the next one subscribes to the new filters.

        Args:
            config: differs from the settings in force in the subscriptions only.
        """
        change = self._change = SubscriptionChange(before=self._setup.config, asked=self._filters_of(config))
        self._setup = replace(self._setup, config=config)
        self.refusal = None
        if not self.is_subscribed:
            return
        fresh = {topic: qos for topic, qos in change.asked.items() if self._asked.get(topic) != qos}
        if not fresh:
            self._finish_change(change)
            return
        self._save_filters(fresh)  # before the broker has them
        change.fresh = fresh
        change.mid = self._client.subscribe(self._subscriptions(fresh))[1] or -1

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish a message at QoS 0: it may be lost, and is sent again."""
        self._client.publish(topic, payload, qos=0)

    def close(self, problem: PlatformError | None = None) -> None:
        """Disconnect; the session stays at the broker."""
        self.problem = self.problem or problem
        if self.is_subscribed:
            self._client.publish(state_topic(self._setup.config.collector), b"offline", retain=self._state_form.retain)
        self._client.disconnect()
        self.read_path.flush()

    def _on_connect(
        self,
        client: mqtt.Client,
        userdata: object,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        del userdata, properties
        if reason.is_failure:
            code, text = refusal_code(reason)
            self.problem = explain_refusal(code, text, self._setup.broker)
            self._lessen_state(lesser_will(self._state_form, code))
            return
        self.is_connected = self.was_ever_connected = True
        record = self._adopt_session(is_present=flags.session_present)
        # A broker that was killed continues the session with filters of some time ago, so nothing is left out here
        self._asked = self._filters_of(self._setup.config)
        self._former = {topic: qos for topic, qos in record.filters.items() if topic not in self._asked}
        if self._former:
            client.unsubscribe(list(self._former))
        client.subscribe(self._subscriptions(self._asked))

    def _lessen_state(self, form: StateForm | None) -> None:
        """Connect with this last will the next time; None changes nothing."""
        if form is None:
            return
        log.warning(
            "the broker may not allow the state as it was: the next try has QoS %d%s",
            form.qos,
            "" if form.retain else ", not retained",
        )
        self._state_form = form
        set_will(self._client, self._setup.config.collector, form)

    def _adopt_session(self, *, is_present: bool) -> SessionRecord:
        """Determine the session; it is recorded durably before any message of it can be acknowledged."""
        setup = self._setup
        record = load_record(setup.record_path, setup.client_id)
        if not is_present:
            record = SessionRecord(session=setup.new_session(), client_id=setup.client_id)
            save_record(setup.record_path, record)
        elif record is None:
            record = SessionRecord(session=self._redelivery.session or setup.new_session(), client_id=setup.client_id)
        if record.session != self._redelivery.session:
            self._redelivery.forget(record.session)
        self._encoder.is_session_present = is_present
        return record

    def _filters_of(self, config: CollectConfig) -> dict[str, int]:
        return {s.topic: min(s.qos, self.read_path.max_qos) for s in config.subscriptions}

    def _subscriptions(self, filters: Mapping[str, int]) -> list[Any]:
        if self._setup.config.protocol == "5":
            # retain handling 1: retained messages only where the subscription is new to the session; 3.1.1 has no such
            # choice and sends them after every connection, and the lander recognises what it has
            return [(topic, SubscribeOptions(qos=qos, retainHandling=1)) for topic, qos in filters.items()]
        return list(filters.items())

    def _on_subscribe(
        self, client: mqtt.Client, userdata: object, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        del client, userdata, properties
        change = self._change
        if change is not None and change.mid == mid:
            if (refusal := self._refusal(change.fresh, reasons)) is None:
                self._finish_change(change)
            else:
                self._go_back(change, refusal)
            return
        self.problem = self._refusal(self._asked, reasons) or self.problem
        if self.problem is None:
            self._subscribed()
        elif change is not None:  # after a new connection; the next one has the former filters
            self._change, self.refusal = None, self.problem
            self._setup = replace(self._setup, config=change.before)

    def _refusal(self, filters: Mapping[str, int], reasons: Sequence[ReasonCode]) -> PlatformError | None:
        """Why the broker does not grant a filter; None if it grants all."""
        refusal: PlatformError | None = None
        for (topic, qos), reason in zip(filters.items(), reasons, strict=False):
            if reason.is_failure:
                refusal = WrongUse(
                    f"{self._setup.broker!r} refused the subscription to {topic!r}: {reason}",
                    "allow this user to read it, or change collect.subscriptions",
                )
            elif reason.value < qos:
                log.warning("the broker granted only QoS %d for %r; the broker may drop messages", reason.value, topic)
        return refusal

    def _finish_change(self, change: SubscriptionChange) -> None:
        gone = {topic: qos for topic, qos in self._asked.items() if topic not in change.asked}
        if gone:
            self._client.unsubscribe(list(gone))
        self._former, self._asked, self._change = self._former | gone, change.asked, None

    def _go_back(self, change: SubscriptionChange, refusal: PlatformError) -> None:
        """Take back what was granted of a change that the broker refused."""
        added = [topic for topic in change.fresh if topic not in self._asked]
        if added:
            self._client.unsubscribe(added)
        if kept := {topic: self._asked[topic] for topic in change.fresh if topic in self._asked}:
            self._client.subscribe(self._subscriptions(kept))
        self._setup = replace(self._setup, config=change.before)
        self._change, self.refusal = None, refusal

    def _save_filters(self, more: Mapping[str, int]) -> None:
        record = SessionRecord(
            session=self._redelivery.session,
            client_id=self._setup.client_id,
            filters=dict(sorted((self._former | self._asked | dict(more)).items())),
        )
        if load_record(self._setup.record_path, self._setup.client_id) != record:
            save_record(self._setup.record_path, record)

    def _subscribed(self) -> None:
        self._save_filters({})
        self._change = None
        self.is_subscribed = True
        self._client.publish(state_topic(self._setup.config.collector), b"online", retain=self._state_form.retain)

    def _on_disconnect(
        self,
        client: mqtt.Client,
        userdata: object,
        flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        del client, userdata, properties
        if self.problem is None:
            self.problem = self._why(is_from_broker=flags.is_disconnect_packet_from_server, reason=reason)
        self.is_connected = self.is_subscribed = False

    def _why(self, *, is_from_broker: bool, reason: ReasonCode) -> PlatformError:
        broker = self._setup.broker
        if is_from_broker and reason.value == _TAKEN_OVER:
            return TakenOver(self._setup.client_id)
        if is_from_broker:
            return Unreachable(f"{broker!r} closed the connection: {reason}", "see the broker's log; trying again")
        if isinstance(self.read_path.error, ssl.SSLError | socket.gaierror):
            return explain_failure(self.read_path.error, broker)
        if self.is_connected:
            return Unreachable(f"the connection to {broker!r} was lost", "trying again")
        if not self.was_ever_connected:
            self._lessen_state(lesser_will(self._state_form, None))
        return Unreachable(
            f"{broker!r} closed the connection without an answer",
            'check the port; a broker without MQTT 5 needs collect.protocol "3.1.1" in site.yaml; trying again',
        )
