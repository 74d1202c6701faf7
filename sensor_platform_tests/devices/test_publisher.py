import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sensor_platform.collect.brokers.local import free_port
from sensor_platform.collect.config import Broker
from sensor_platform.devices.publisher import Publisher, PublisherOptions
from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform_tests.scripted_broker import CONNECT, DISCONNECT, PUBLISH, PUBREL, Got, scripted

ACCEPTED = b"\x20\x02\x00\x00"
RESUMED = b"\x20\x02\x01\x00"
NOTHING = b""


def acknowledge(packet: Got) -> bytes | None:
    """What an obliging broker answers."""
    if packet.kind == DISCONNECT:
        return None
    number = packet.packet_id.to_bytes(2) if packet.kind in (PUBLISH, PUBREL) else b""
    if packet.kind == CONNECT:
        return ACCEPTED
    if packet.kind == PUBREL:
        return b"\x70\x02" + number
    if packet.kind == PUBLISH and packet.qos:
        return (b"\x40\x02" if packet.qos == 1 else b"\x50\x02") + number
    return NOTHING


@pytest.mark.parametrize("qos", [1, 2])
def test_every_message_is_sent_once_in_order_and_counted_when_acknowledged(qos: int) -> None:
    with scripted(acknowledge) as broker:
        with Publisher(broker.address, PublisherOptions(qos=qos, window=10)) as publisher:
            for number in range(500):
                publisher.publish(f"t/{number}", b"%d" % number)
            assert publisher.drain(10)
            assert (publisher.sent, publisher.acknowledged, publisher.reconnects) == (500, 500, 0)
        published = broker.of_kind(PUBLISH)
    assert [(packet.topic, packet.payload) for packet in published] == [(f"t/{n}", b"%d" % n) for n in range(500)]
    assert {packet.qos for packet in published} == {qos}
    assert not any(packet.dup for packet in published)


def test_at_qos_0_everything_is_sent_and_nothing_counted_as_acknowledged() -> None:
    with scripted(acknowledge) as broker:
        with Publisher(broker.address, PublisherOptions(qos=0)) as publisher:
            for number in range(1000):
                publisher.publish("t", b"%d" % number)
        assert [packet.payload for packet in broker.of_kind(PUBLISH)] == [b"%d" % number for number in range(1000)]
        assert publisher.acknowledged == 0
        assert len(broker.of_kind(DISCONNECT)) == 1


def test_the_window_bounds_what_is_unacknowledged_and_publishing_waits() -> None:
    released = threading.Event()

    def answer(packet: Got) -> bytes | None:
        if packet.kind == PUBLISH:
            released.wait(10)
        return acknowledge(packet)

    def publish_twenty() -> None:
        for _ in range(20):
            publisher.publish("t", b"x")

    with scripted(answer) as broker, Publisher(broker.address, PublisherOptions(window=5)) as publisher:
        thread = threading.Thread(target=publish_twenty)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert publisher.sent == 5
        released.set()
        thread.join(10)
        assert publisher.drain(10)
    assert publisher.acknowledged == 20


def test_a_session_that_the_broker_kept_gets_only_what_it_did_not_acknowledge_as_redeliveries() -> None:
    def answer(packet: Got) -> bytes | None:
        if packet.kind == CONNECT and packet.connection == 2:
            return RESUMED
        if packet.kind == PUBLISH and packet.connection == 1 and packet.payload == b"3":
            return None
        return acknowledge(packet)

    with scripted(answer) as broker:
        with Publisher(broker.address) as publisher:
            for number in range(6):
                publisher.publish("t", b"%d" % number)
                publisher.pump(0.01)
            assert publisher.drain(10)
        assert (publisher.acknowledged, publisher.reconnects) == (6, 1)
        second = [packet for packet in broker.of_kind(PUBLISH) if packet.connection == 2]
    assert [packet.payload for packet in second] == [b"3", b"4", b"5"]
    assert second[0].dup
    assert not second[-1].dup


def test_a_session_that_the_broker_lost_gets_them_as_new_messages() -> None:
    def answer(packet: Got) -> bytes | None:
        if packet.kind == PUBLISH and packet.connection == 1:
            return None
        return acknowledge(packet)

    with scripted(answer) as broker:
        with Publisher(broker.address) as publisher:
            publisher.publish("t", b"0")
            assert publisher.drain(10)
        again = broker.of_kind(PUBLISH)[-1]
    assert (again.connection, again.payload, again.dup) == (2, b"0", False)


@pytest.mark.parametrize(("greeting", "repeats"), [(RESUMED, PUBREL), (ACCEPTED, PUBLISH)])
def test_a_half_done_qos_2_message_goes_on_where_the_broker_knows_it_and_starts_again_where_not(
    greeting: bytes, repeats: int
) -> None:
    def answer(packet: Got) -> bytes | None:
        if packet.kind == CONNECT and packet.connection > 1:
            return greeting
        if packet.kind == PUBREL and packet.connection == 1:
            return None
        return acknowledge(packet)

    with scripted(answer) as broker:
        with Publisher(broker.address, PublisherOptions(qos=2)) as publisher:
            publisher.publish("t", b"once")
            assert publisher.drain(10)
        first = next(packet for packet in broker.got if packet.connection == 2 and packet.kind != CONNECT)
    assert publisher.acknowledged == 1
    assert first.kind == repeats


def test_a_half_done_message_of_a_lost_session_is_never_taken_for_delivered() -> None:
    """First connection: PUBREC, then gone with the session. Second: gone before PUBREC. Third: that session is kept."""

    def answer(packet: Got) -> bytes | None:
        if packet.kind == CONNECT and packet.connection == 3:
            return RESUMED
        if (packet.connection, packet.kind) in {(1, PUBREL), (2, PUBLISH)}:
            return None
        return acknowledge(packet)

    with scripted(answer) as broker:
        with Publisher(broker.address, PublisherOptions(qos=2)) as publisher:
            publisher.publish("t", b"once")
            assert publisher.drain(10)
        third = [packet.kind for packet in broker.got if packet.connection == 3]
    assert third[:3] == [CONNECT, PUBLISH, PUBREL]


def test_the_session_is_asked_for_and_removed_at_the_end() -> None:
    with scripted(acknowledge) as broker:
        with Publisher(broker.address) as publisher:
            publisher.publish("t", b"x")
            publisher.drain(10)
        greetings = broker.of_kind(CONNECT)
    clean = [bool(packet.body[7] & 2) for packet in greetings]
    names = {packet.body[12:] for packet in greetings}
    assert clean == [False, True]
    assert len(names) == 1


def test_a_quiet_connection_is_kept_alive() -> None:
    def answer(packet: Got) -> bytes | None:
        return b"\xd0\x00" if packet.kind == 12 else acknowledge(packet)

    with scripted(answer) as broker:
        with Publisher(broker.address, PublisherOptions(keepalive_seconds=1.5)) as publisher:
            publisher.pump(2.0)
            assert publisher.reconnects == 0
        assert len(broker.of_kind(12)) >= 2


def test_a_broker_that_falls_silent_is_left_for_a_new_connection() -> None:
    def answer(packet: Got) -> bytes | None:
        return NOTHING if packet.kind in (PUBLISH, 12) and packet.connection == 1 else acknowledge(packet)

    options = PublisherOptions(keepalive_seconds=0.6)
    with scripted(answer) as broker, Publisher(broker.address, options) as publisher:
        publisher.publish("t", b"x")
        assert publisher.drain(5)
    assert publisher.reconnects >= 1


@pytest.mark.parametrize(("code", "words"), [(4, "password is wrong"), (5, "may not connect"), (2, "client id")])
def test_a_refused_login_is_wrong_use_and_never_shows_the_password(code: int, words: str) -> None:
    with scripted(lambda _: bytes([0x20, 2, 0, code])) as broker:
        address = Broker(port=broker.port, username="me", password="hunter2")
        with pytest.raises(WrongUse, match=words) as caught:
            Publisher(address)
    assert "hunter2" not in str(caught.value)


def test_a_broker_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"no broker at mqtt://127\.0\.0\.1"):
        Publisher(Broker(port=free_port()))


def test_something_that_is_no_broker_is_said_to_be_none() -> None:
    with (
        scripted(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n") as broker,
        pytest.raises(Unreachable, match="does not answer"),
    ):
        Publisher(broker.address)


def test_a_lost_broker_is_given_up_after_the_time_set() -> None:
    @contextmanager
    def gone_after_one() -> Iterator[Publisher]:
        with scripted(lambda packet: None if packet.kind == PUBLISH else acknowledge(packet)) as broker:
            publisher = Publisher(broker.address, PublisherOptions(give_up_seconds=0.5))
            broker.hang_up()
        yield publisher

    with gone_after_one() as publisher:
        publisher.publish("t", b"x")
        with pytest.raises(Unreachable, match="lost the broker") as caught:
            publisher.drain(10)
        assert "1 messages were not acknowledged" in caught.value.hint
        publisher.close()


def test_what_does_not_fit_mqtt_is_refused_before_it_is_sent() -> None:
    with scripted(acknowledge) as broker, Publisher(broker.address) as publisher:
        with pytest.raises(WrongUse, match="does not fit"):
            publisher.publish("t" * 65536, b"")
        assert publisher.sent == 0


def test_large_payloads_pass_a_broker_that_reads_slowly() -> None:
    def answer(packet: Got) -> bytes | None:
        time.sleep(0.02)
        return acknowledge(packet)

    payload = bytes(range(256)) * 4096
    with scripted(answer) as broker:
        with Publisher(broker.address) as publisher:
            for _ in range(8):
                publisher.publish("t", payload)
            assert publisher.drain(20)
        assert [packet.payload == payload for packet in broker.of_kind(PUBLISH)] == [True] * 8


def test_an_untrusted_certificate_is_wrong_use(tls_listener: int) -> None:
    with pytest.raises(WrongUse, match="not trusted") as caught:
        Publisher(Broker(host="localhost", port=tls_listener, tls=True))
    assert "CA_FILE" in caught.value.hint


def test_a_missing_certificate_file_is_wrong_use(tls_listener: int) -> None:
    with pytest.raises(WrongUse, match="no certificate file"):
        Publisher(Broker(port=tls_listener, tls=True, ca_file="/nowhere/ca.pem"))


def test_a_port_without_tls_is_unreachable_over_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def speak_plainly() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"plain text, not TLS at all")

        thread = threading.Thread(target=speak_plainly)
        thread.start()
        with pytest.raises(Unreachable, match="no broker at mqtts://"):
            Publisher(Broker(port=port, tls=True))
        thread.join(5)
