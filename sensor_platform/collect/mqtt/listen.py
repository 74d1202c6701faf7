"""Listens to a broker for a limited time, in a session that is not kept: to inspect traffic, not to collect."""

import secrets
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from sensor_platform.collect.config import Broker
from sensor_platform.collect.mqtt.paho_client import explain_failure, explain_refusal, refusal_code, tls_context
from sensor_platform.errors import PlatformError, Unreachable, WrongUse


def listen(broker: Broker, topic: str, seconds: float, most: int) -> list[tuple[str, bytes]]:
    """Topic and payload of the messages that arrive, at QoS 0.

    Args:
        broker: address and login.
        topic: topic filter.
        seconds: maximum duration.
        most: maximum number of messages.

    Raises:
        Unreachable: the broker cannot be reached, or does not answer.
        WrongUse: it refuses the login or the subscription.
    """
    found: list[tuple[str, bytes]] = []
    problems: list[PlatformError] = []
    client = _client(broker)

    def connected(client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _properties: object) -> None:
        if reason.is_failure:
            problems.append(explain_refusal(*refusal_code(reason), broker))
        else:
            client.subscribe(topic, qos=0)

    def subscribed(_client: object, _data: object, _mid: int, reasons: list[ReasonCode], _properties: object) -> None:
        if any(reason.is_failure for reason in reasons):
            problems.append(WrongUse(f"{broker!r} refused the subscription to {topic!r}", "allow this user to read it"))

    client.on_connect = connected
    client.on_subscribe = subscribed
    client.on_message = lambda _client, _data, message: found.append((message.topic, bytes(message.payload)))
    try:
        client.connect(broker.host, broker.port, keepalive=30)
    except (OSError, ValueError) as error:
        raise explain_failure(error, broker) from error
    end = time.monotonic() + seconds
    while not problems and len(found) < most and (left := end - time.monotonic()) > 0:
        if client.loop(timeout=min(left, 0.2)) != mqtt.MQTT_ERR_SUCCESS:
            problems.append(Unreachable(f"{broker!r} closed the connection", "see the broker's log, then try again"))
    client.disconnect()
    if problems and not found:
        raise problems[0]
    return found[:most]


def _client(broker: Broker) -> mqtt.Client:
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=f"look-{secrets.token_hex(6)}", reconnect_on_failure=False
    )
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls:
        client.tls_set_context(tls_context(broker))
    return client
