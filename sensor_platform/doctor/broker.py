"""Broker checks: reachability, login, protocol, store and forward, persistence."""

import ipaddress
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sensor_platform.collect.config import Broker, CollectConfig
from sensor_platform.devices.publisher import Publisher
from sensor_platform.doctor import Finding, fail, failure, ok, skipped, warn
from sensor_platform.doctor.mosquitto import WANTED_QUEUE, check_settings, find_config, read_settings, unknown_settings
from sensor_platform.doctor.session_checks import SelfTest, connect_v5, store_and_forward
from sensor_platform.errors import ExitCode, PlatformError

_LATER = ("broker protocol", "store and forward", "broker persistence")


@dataclass(frozen=True, slots=True)
class BrokerCheck:
    """Parameters of the broker checks."""

    messages: int = 2000
    """Number of test messages; more than the 1,000 that mosquitto queues by default."""
    topic: str = "sensor-platform/doctor"
    """Topic prefix of the test messages; a random level is added. Not in the default subscriptions of a site."""
    config: Path | None = None
    """Configuration file of mosquitto, if doctor cannot find it."""


def check_broker(broker: Broker, collect: CollectConfig, check: BrokerCheck) -> Iterator[Finding]:
    """Findings about one broker. Neither a session nor a message is left at the broker."""
    try:
        Publisher(broker).close()
    except PlatformError as error:
        is_there = error.exit_code == ExitCode.WRONG_USE
        yield ok("broker reachable", repr(broker)) if is_there else failure("broker reachable", error)
        yield failure("broker login", error) if is_there else skipped("broker login", "no broker")
        yield from (skipped(name, "not logged in") for name in _LATER)
        return
    yield ok("broker reachable", repr(broker))
    yield _login(broker)
    protocol = _protocol(broker, collect)
    yield protocol
    started_at = time.time()
    if protocol.status == "fail":
        yield skipped("store and forward", "the protocol of the site does not work")
    else:
        yield _store_and_forward(broker, collect, check)
    yield from _settings(broker, check.config, started_at)


def _login(broker: Broker) -> Finding:
    if broker.username:
        return ok("broker login", f"as {broker.username}")
    if _is_local(broker.host):
        return ok("broker login", "without a user name, on this machine")
    return warn(
        "broker login",
        "the broker accepts everyone who can reach it",
        "give it a password file, or let it listen locally",
    )


def _protocol(broker: Broker, collect: CollectConfig) -> Finding:
    if collect.protocol == "3.1.1":
        return ok("broker protocol", "MQTT 3.1.1, as configured for the site")
    try:
        limits = connect_v5(broker, collect.session_expiry_seconds)
    except PlatformError as error:
        return fail("broker protocol", f"MQTT 5: {error.message}", 'write into site.yaml: collect: {protocol: "3.1.1"}')
    if limits.maximum_qos < 1:
        return fail("broker protocol", "the broker allows QoS 0 only: nothing is ever acknowledged", "allow QoS 1")
    if not limits.keeps_retained:
        return warn(
            "broker protocol",
            "MQTT 5; the broker keeps no retained messages: newest values of devices come only with their next message",
            "allow retained messages (mosquitto: retain_available true)",
        )
    if limits.session_expiry_seconds < collect.session_expiry_seconds:
        return warn(
            "broker protocol",
            f"MQTT 5; it keeps sessions for {limits.session_expiry_seconds} s, not {collect.session_expiry_seconds}",
            "raise the broker's limit (mosquitto: persistent_client_expiration)",
        )
    return ok("broker protocol", f"MQTT 5, receive maximum {limits.receive_maximum}, QoS up to {limits.maximum_qos}")


def _settings(broker: Broker, config: Path | None, changed_at: float) -> Iterator[Finding]:
    if config is None:
        if not _is_local(broker.host):
            yield unknown_settings("the broker is on another machine")
            return
        is_mosquitto, config = find_config(broker.port)
        if not is_mosquitto:
            yield unknown_settings("no visible mosquitto process listens on this port")
            return
    try:
        settings = read_settings(config) if config else {}
    except OSError as error:
        yield unknown_settings(f"{config}: {error.strerror}")
        return
    yield from check_settings(settings, str(config or "mosquitto without a configuration file"), changed_at)


def _store_and_forward(broker: Broker, collect: CollectConfig, check: BrokerCheck) -> Finding:
    name = "store and forward"
    try:
        result = store_and_forward(broker, SelfTest(collect.protocol, check.messages, check.topic))
    except PlatformError as error:
        return failure(name, error)
    if not result.was_kept:
        return fail(
            name, "the broker forgot a persistent session", "allow persistent sessions (mosquitto: persistence true)"
        )
    if result.arrived < check.messages:
        return fail(
            name,
            f"{result.arrived} of {check.messages} acknowledged messages arrived in a session that had been offline",
            f"write into mosquitto.conf: {'; '.join(WANTED_QUEUE)} (other brokers: length of the session queue)",
        )
    return ok(name, f"{result.arrived} of {check.messages} messages arrived in a session that had been offline")


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
