"""The paho client: its settings before it connects, and its errors as messages with a hint."""

import socket
import ssl
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from sensor_platform.collect.config import Broker, CollectConfig
from sensor_platform.errors import PlatformError, Unreachable, WrongUse

_MAX_RECEIVE = 32767
CONNECT_TIMEOUT_SECONDS = 5.0
_LOGIN = (0x86, 0x87)  # bad user name or password, not authorized
_OLD_LOGIN = {4: 0x86, 5: 0x87}
_PROTOCOL = (0x84, 0x01)
RETAIN_NOT_SUPPORTED, QOS_NOT_SUPPORTED = 0x9A, 0x9B


def state_topic(collector: str) -> str:
    """Topic of the retained state: the collector publishes `online`, its last will is `offline`."""
    return f"sensor-platform/{collector}/state"


def make_client(config: CollectConfig, broker: Broker, client_id: str) -> mqtt.Client:
    """A client with session, login, TLS and last will, not connected.

    Raises:
        WrongUse: a certificate or key file cannot be read.
    """
    is_v5 = config.protocol == "5"
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if is_v5 else False,
        protocol=mqtt.MQTTv5 if is_v5 else mqtt.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.connect_timeout = CONNECT_TIMEOUT_SECONDS
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls:
        client.tls_set_context(tls_context(broker))
    set_will(client, config.collector, WILLS[0])
    return client


@dataclass(frozen=True, slots=True)
class StateForm:
    """How the state of the collector is published."""

    qos: int
    retain: bool


WILLS = (StateForm(1, retain=True), StateForm(1, retain=False), StateForm(0, retain=False))
"""Last wills from the best to the least; brokers refuse a connection whose will they do not allow."""


def set_will(client: mqtt.Client, collector: str, form: StateForm) -> None:
    """Set the last will for the next connection."""
    client.will_set(state_topic(collector), b"offline", qos=form.qos, retain=form.retain)


def lesser_will(form: StateForm, code: int | None) -> StateForm | None:
    """The will to try next.

    Args:
        form: the will of the connection that was refused.
        code: of the refusal in MQTT 5 (0x9A: no retain, 0x9B: a lower QoS); None where the broker only hung up.

    Returns:
        None if the will is not why the broker refused, or there is no lesser one.
    """
    if code == RETAIN_NOT_SUPPORTED:
        return StateForm(form.qos, retain=False) if form.retain else None
    if code == QOS_NOT_SUPPORTED:
        return StateForm(0, form.retain) if form.qos else None
    return WILLS[WILLS.index(form) + 1] if code is None and form in WILLS[:-1] else None


def open_connection(client: mqtt.Client, config: CollectConfig, broker: Broker) -> None:
    """Open the socket and send CONNECT; the answer comes later.

    Raises:
        PlatformError: see `explain_failure`.
    """
    properties: Properties | None = None
    if config.protocol == "5":
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = config.session_expiry_seconds
        properties.ReceiveMaximum = min(config.receive_maximum, _MAX_RECEIVE)
    try:
        if properties is None:
            client.connect(broker.host, broker.port, config.keepalive_seconds)
        else:
            client.connect(broker.host, broker.port, config.keepalive_seconds, clean_start=False, properties=properties)
    except (OSError, ValueError) as error:
        raise explain_failure(error, broker) from error


def explain_failure(error: Exception, broker: Broker) -> PlatformError:
    """The error for a failed connection. WrongUse and UnknownHost do not pass by waiting."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return WrongUse(
            f"the certificate of {broker!r} is not trusted: {error.verify_message}",
            "name the CA in SENSOR_PLATFORM_BROKER_CA_FILE, and use the host name that the certificate has",
        )
    if isinstance(error, ssl.SSLError):
        return WrongUse(
            f"TLS with {broker!r} failed: {error.reason or error}",
            "check that the port speaks TLS, and SENSOR_PLATFORM_BROKER_CERT_FILE and _KEY_FILE if it asks for them",
        )
    if isinstance(error, socket.gaierror):
        return UnknownHost(f"the broker's host {broker.host!r} is unknown", "check SENSOR_PLATFORM_BROKER_URL")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Unreachable(f"no connection to {broker!r}: {reason}", "start the broker; trying again until it answers")


class TakenOver(Unreachable):
    """Another client with our client id has connected, and the broker closed our connection for it."""

    def __init__(self, client_id: str, *, is_certain: bool = True) -> None:
        """Make the message.

        Args:
            client_id: ours.
            is_certain: the broker said so; otherwise connections are lost again and again just after they were made.
        """
        super().__init__(
            f"another client has the client id {client_id}: the two take the broker's session from each other"
            if is_certain
            else f"connections are lost soon after they are made: another client may have the client id {client_id}",
            "start one of them once with `collect --new-client-id`, or give it another name in `collect.collector`",
        )


class UnknownHost(Unreachable):
    """The broker's name does not resolve."""


def explain_refusal(code: int, reason: str, broker: Broker) -> PlatformError:
    """The error for a CONNACK with a failure code."""
    code = _OLD_LOGIN.get(code, code)
    if code in _LOGIN:
        return WrongUse(
            f"{broker!r} refused the login: {reason}", "put user and password into SENSOR_PLATFORM_BROKER_URL"
        )
    if code in _PROTOCOL:
        return WrongUse(
            f"{broker!r} does not speak this version of MQTT", 'set collect.protocol to "3.1.1" in site.yaml'
        )
    return Unreachable(f"{broker!r} refused the connection: {reason}", "see the broker's log; trying again")


def refusal_code(reason: ReasonCode | int) -> tuple[int, str]:
    """Number and text of a reason code of MQTT 3.1.1 or 5."""
    return (reason, str(reason)) if isinstance(reason, int) else (reason.value, str(reason))


def tls_context(broker: Broker) -> ssl.SSLContext:
    """TLS with the broker's certificate files.

    Raises:
        WrongUse: one of them cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
        if broker.cert_file:
            context.load_cert_chain(broker.cert_file, broker.key_file)
    except (OSError, ssl.SSLError) as error:
        raise WrongUse(
            f"certificate files cannot be used: {error}",
            "check SENSOR_PLATFORM_BROKER_CA_FILE, _CERT_FILE and _KEY_FILE",
        ) from error
    return context
