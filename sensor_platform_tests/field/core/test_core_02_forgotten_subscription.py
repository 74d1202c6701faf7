"""A broker that was killed forgets a new subscription although it continues the session: it is asked for it again."""

from pathlib import Path

import paho.mqtt.publish
import pytest

from sensor_platform_tests.field.core.brokers import PUBLISH, SUBSCRIBE, scripted
from sensor_platform_tests.field.core.needs import precondition
from sensor_platform_tests.field.core.rig import Home
from sensor_platform_tests.running import RunningBroker, RunningCollector, running_collector, wait_until, write_site

MESSAGE = b'{"device_id": "x", "v": 1}'


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_core_02_every_connection_subscribes_to_every_filter(tmp_path: Path, protocol: str) -> None:
    with scripted(tmp_path / "home", protocol, subscriptions=[{"topic": "a/#"}]) as (broker, _):
        peer, _ = broker.accept(is_present=False)
        peer.grant(peer.wait_for(SUBSCRIBE)[1], 1, 1)
        peer.wait_for(PUBLISH)  # the collector is online
        peer.socket.close()
        again, _ = broker.accept(is_present=True)
        kind, body = again.wait_for(SUBSCRIBE, PUBLISH)
        assert kind == SUBSCRIBE, f"the collector is online without having subscribed: {body!r}"
        assert b"a/#" in body


def site(tmp_path: Path, *topics: str) -> Path:
    return write_site(tmp_path / "site", subscriptions=[{"topic": topic} for topic in topics])


def reconnect_to_rolled_back(broker: RunningBroker, state: Path, saved: bytes, collector: RunningCollector) -> None:
    """Kill the broker and start it with what it had saved before; returns when the collector is connected again."""
    connects = collector.status.counters.connects
    broker.kill()
    state.write_bytes(saved)
    broker.start()
    wait_until(lambda: collector.status.counters.connects > connects, "a new connection", 30)
    wait_until(lambda: collector.status.state == "connected", "the connection", 30)


def collected_after_rollback(home: Home, tmp_path: Path, broker: RunningBroker) -> list[str]:
    """Topics of three messages to a filter that the broker has forgotten, and of a last one to an older filter."""
    with running_collector(home.root, broker.url, site=site(tmp_path, "a/#")) as first:
        first.stop()
        broker.stop()
    state = tmp_path / "broker" / "mosquitto.db"
    saved = state.read_bytes()
    broker.start()
    with running_collector(home.root, broker.url, site=site(tmp_path, "a/#", "b/#")) as second:
        reconnect_to_rolled_back(broker, state, saved, second)
        before = second.committed()
        messages = ((topic, MESSAGE, 1, False) for topic in ("b/x", "b/x", "b/x", "a/x"))
        paho.mqtt.publish.multiple([*messages], hostname="127.0.0.1", port=broker.port)
        second.wait_for_messages(before + 1)
        second.stop()
        return sorted(envelope.topic for envelope in second.envelopes())


@pytest.mark.mosquitto
def test_core_02_a_new_filter_is_collected_after_mosquitto_was_killed(
    home: Home, tmp_path: Path, broker: RunningBroker
) -> None:
    with precondition("the collector comes back, and collects the message to the older filter"):
        collected = collected_after_rollback(home, tmp_path, broker)
    assert collected == ["a/x", "b/x", "b/x", "b/x"]
