"""Two collectors whose data folders have one path, on one broker: two clients, or a clear word in the log."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from sensor_platform_tests.field.ingest.brokers import LoggingBroker, mosquitto_with, spawned
from sensor_platform_tests.publish.conftest import CONNECT, Got, scripted
from sensor_platform_tests.running import RunningCollector, wait_until

SUBSCRIBE = 8
TAKEN_OVER = bytes([0xE0, 2, 0x8E, 0])
TAKEOVERS = 5


def answer(packet: Got) -> bytes | None:
    """Greet, grant the subscription and say that the session was taken over."""
    if packet.kind == CONNECT:
        return b"\x20\x03\x00\x00\x00"
    if packet.kind == SUBSCRIBE:
        return b"\x90\x04" + packet.body[:2] + b"\x00\x01" + TAKEN_OVER
    return b""


def client_id(connect: Got) -> str:
    """Client id of a CONNECT of MQTT 5: behind 10 bytes and the properties (fewer than 128 bytes)."""
    start = 11 + connect.body[10]
    return connect.body[start + 2 : start + 2 + int.from_bytes(connect.body[start : start + 2])].decode()


def id_of_one_start(home: Path) -> str:
    """The client id with which a collector on this home connects."""
    with scripted(answer) as broker, spawned(RunningCollector(home, f"mqtt://127.0.0.1:{broker.port}")):
        wait_until(lambda: bool(broker.of_kind(CONNECT)), "a connection")
    return client_id(broker.of_kind(CONNECT)[0])


@pytest.fixture(scope="module")
def are_two_clients(tmp_path_factory: pytest.TempPathFactory) -> bool:
    """Whether two homes that were made at one path have two client ids."""
    home = tmp_path_factory.mktemp("twins") / "data"
    first = id_of_one_start(home)
    shutil.move(home, home.with_name("elsewhere"))
    return id_of_one_start(home) != first


def is_explained(collector: RunningCollector, name: str) -> bool:
    log = collector.log.read_text()
    return name in log and "collect.collector" in log


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="ingest 17")
def test_ingest_17_a_session_that_is_taken_over_is_explained(tmp_path: Path, *, are_two_clients: bool) -> None:
    with scripted(answer) as broker:
        with spawned(RunningCollector(tmp_path / "home", f"mqtt://127.0.0.1:{broker.port}")) as collector:
            wait_until(lambda: len(broker.of_kind(SUBSCRIBE)) >= TAKEOVERS, "takeovers")
        name = client_id(broker.of_kind(CONNECT)[0])
    assert are_two_clients or is_explained(collector, name), collector.log.read_text()


@contextmanager
def twin(broker: LoggingBroker, name: str) -> Iterator[None]:
    """Another client with this id, that connects again whenever it is thrown out."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
    client.reconnect_delay_set(1, 1)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        yield
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="ingest 17")
@pytest.mark.mosquitto
def test_ingest_17_a_broker_that_only_hangs_up_is_explained(tmp_path: Path, *, are_two_clients: bool) -> None:
    with mosquitto_with(tmp_path) as broker, spawned(RunningCollector(tmp_path / "home", broker.url)) as collector:
        wait_until(lambda: broker.count("Received SUBSCRIBE from") > 0, "a subscription")
        (line,) = [line for line in broker.log.read_text().splitlines() if "Received SUBSCRIBE from" in line]
        name = line.rpartition(" ")[2]
        with twin(broker, name):
            wait_until(lambda: broker.count("already connected") >= TAKEOVERS, "takeovers", 60)
    assert are_two_clients or is_explained(collector, name), collector.log.read_text()


def test_ingest_17_a_collector_keeps_its_id_over_restarts(tmp_path: Path) -> None:
    assert id_of_one_start(tmp_path / "home") == id_of_one_start(tmp_path / "home")
