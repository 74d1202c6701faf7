"""What every connection asks for again: all filters, and that the broker forgets those of before."""

import json
import time
from pathlib import Path
from types import SimpleNamespace

import paho.mqtt.publish as mqtt_publish
import pytest

from sensor_platform.collect.config import Broker, CollectConfig
from sensor_platform.collect.mqtt.broker_connection import BrokerConnection, ConnectionSetup
from sensor_platform.collect.mqtt.redelivery import RedeliveryDetector
from sensor_platform.landing.integrity.audit import audit
from sensor_platform_tests.landing.homes import land_all
from sensor_platform_tests.running import RunningBroker, running_collector, write_site
from sensor_platform_tests.scripted_broker import CONNECT, Got, scripted

SUBSCRIBE, UNSUBSCRIBE = 8, 10


def answer(packet: Got) -> bytes | None:
    """A broker that continues every session (MQTT 3.1.1)."""
    if packet.kind == CONNECT:
        return bytes([0x20, 2, packet.connection > 1, 0])
    if packet.kind in (SUBSCRIBE, UNSUBSCRIBE):
        head = 0x90 if packet.kind == SUBSCRIBE else 0xB0
        granted = b"\1" if packet.kind == SUBSCRIBE else b""
        return bytes([head, 2 + len(granted)]) + packet.body[:2] + granted
    return b""


def test_a_filter_that_is_no_longer_wanted_is_unsubscribed_on_every_connection(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site", protocol="3.1.1", subscriptions=[{"topic": "old/#"}])
    with scripted(answer) as broker:
        url = f"mqtt://127.0.0.1:{broker.port}"
        with running_collector(tmp_path / "home", url, site=site) as collector:
            collector.stop()
            write_site(site, protocol="3.1.1", subscriptions=[{"topic": "new/#"}])
            for _ in range(2):
                collector.start()
                collector.stop()
        asked = {kind: [(p.connection, p.body[4:9]) for p in broker.of_kind(kind)] for kind in (SUBSCRIBE, UNSUBSCRIBE)}
    assert asked == {
        SUBSCRIBE: [(1, b"old/#"), (2, b"new/#"), (3, b"new/#")],
        UNSUBSCRIBE: [(2, b"old/#"), (3, b"old/#")],
    }


@pytest.mark.mosquitto
@pytest.mark.parametrize(("protocol", "copies"), [("3.1.1", 3), ("5", 0)])
def test_retained_messages_of_each_connection_land_once_and_only_with_a_time(
    tmp_path: Path, broker: RunningBroker, protocol: str, copies: int
) -> None:
    site = write_site(tmp_path / "site", protocol=protocol)
    at = time.time()
    with running_collector(tmp_path / "home", broker.url, site=site) as collector:
        for device, body in (("timed", {"t": 1, "ts": at}), ("dead", {"t": 2})):
            payload = json.dumps({"device_id": device} | body)
            mqtt_publish.single(f"sensors/{device}", payload, 1, retain=True, port=broker.port)
        collector.wait_for_messages(2)
        for _ in range(3):
            collector.stop()
            collector.start()
            mqtt_publish.single("sensors/other", json.dumps({"t": 3, "ts": at}), 1, port=broker.port)
            collector.wait_for_messages(1 + 2 * bool(copies))
        collector.stop()
        kept = [envelope.topic for envelope in collector.envelopes() if envelope.retain]
        assert sorted(kept) == ["sensors/dead"] * copies + ["sensors/timed"] * copies
        land_all(collector.home, now=time.time_ns() // 1000)
        report = audit(collector.home)
    totals = [sum(getattr(hour, name) for hour in report.hours) for name in ("landed", "quarantined", "duplicate")]
    assert totals == [5, copies, copies]
    assert report.is_whole


def test_an_answer_is_waited_for_as_long_as_the_broker_sends() -> None:
    clock = [0.0]
    closed: list[object] = []
    setup = ConnectionSetup(
        config=CollectConfig(),
        broker=Broker(),
        client_id="c",
        record_path=Path("unused"),
        use_bulk_reading=True,
        new_session=lambda: "s",
        clock=lambda: clock[0],
    )
    connection = BrokerConnection(setup, SimpleNamespace(), RedeliveryDetector(10))  # type: ignore[arg-type]
    connection.close = closed.append  # type: ignore[method-assign, assignment]
    for clock[0] in (8.0, 16.0, 24.0):
        connection.tend()
        connection.note_heard()
    assert closed == []
    clock[0] = 35.0
    connection.tend()
    assert "does not answer" in str(closed)
