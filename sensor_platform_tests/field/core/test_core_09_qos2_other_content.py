"""QoS 2: a message with another content is not dropped as a duplicate because its packet id was not released."""

import time
from pathlib import Path

from sensor_platform_tests.field.core.brokers import PUBCOMP, PUBREC, SUBSCRIBE, Peer, scripted
from sensor_platform_tests.field.core.homes import land, readings
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home, audit

FIRST, SECOND = b'{"device_id": "pump", "v": 1, "seq": 1}', b'{"device_id": "pump", "v": 2, "seq": 2}'
PACKET_ID = b"\0\7"


def send(peer: Peer, payload: bytes, *, is_dup: bool) -> None:
    """At QoS 2, until it is acknowledged."""
    topic = b"sensors/pump"
    body = len(topic).to_bytes(2, "big") + topic + PACKET_ID + payload
    peer.socket.sendall(bytes([0x34 | 8 * is_dup, len(body)]) + body)
    need(peer.wait_for(PUBREC)[1][:2] == PACKET_ID, "it is acknowledged")


def test_core_09_a_packet_id_that_a_broker_uses_again_costs_no_message(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with scripted(home.root, "3.1.1", subscriptions=[{"topic": "sensors/#", "qos": 2}]) as (broker, collector):
        peer, _ = broker.accept(is_present=False)
        peer.grant(peer.wait_for(SUBSCRIBE)[1], 1, 2)
        send(peer, FIRST, is_dup=False)
        peer.socket.close()  # killed before PUBREL; it comes back with a state from before, and uses the id again

        peer, _ = broker.accept(is_present=True)
        send(peer, SECOND, is_dup=True)  # its first sending was lost with a connection
        peer.socket.sendall(bytes([0x62, 2]) + PACKET_ID)
        need(peer.wait_for(PUBCOMP)[1][:2] == PACKET_ID, "it is complete")
        need(collector.stop() == 0, "the collector stops")
    land(home, time.time_ns() // 1000)
    [hour] = audit(home).hours
    need(hour.received == 2, "two messages were received")
    values = sorted(readings(home)["value"].to_list())
    assert values == [1.0, 2.0], f"both messages were acknowledged, these values have landed: {values}"
