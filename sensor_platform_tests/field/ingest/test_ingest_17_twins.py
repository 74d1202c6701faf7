"""Two collectors whose data folders have one path, on one broker: two clients, or a clear word in the log."""

import re
import shutil
from pathlib import Path

import pytest

from sensor_platform_tests.field.ingest.brokers import mosquitto_with, spawned, twin, wait_for
from sensor_platform_tests.running import RunningCollector
from sensor_platform_tests.scripted_broker import CONNECT, Got, scripted

SUBSCRIBE = 8
TAKEN_OVER = bytes([0xE0, 2, 0x8E, 0])
TAKEOVERS = 4


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
        wait_for(lambda: bool(broker.of_kind(CONNECT)), "a connection")
    return client_id(broker.of_kind(CONNECT)[0])


@pytest.fixture(scope="module")
def ids(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """Client ids of two starts on one home, and of a start on a new home at the path where the first one was."""
    home = tmp_path_factory.mktemp("twins") / "data"
    first, again = id_of_one_start(home), id_of_one_start(home)
    shutil.move(home, home.with_name("elsewhere"))
    return first, again, id_of_one_start(home)


def is_explained(log: str, name: str) -> bool:
    return name in log and "collect.collector" in log


def is_slower(log: str) -> bool:
    """Whether a later pause is longer than the first one."""
    pauses = [float(pause) for pause in re.findall(r"trying again in ([0-9.]+) s", log)]
    return bool(pauses) and max(pauses) > pauses[0]


def test_ingest_17_a_collector_keeps_its_id_over_restarts(ids: tuple[str, str, str]) -> None:
    assert ids[0] == ids[1]


def test_ingest_17_a_session_that_is_taken_over_is_explained(tmp_path: Path, ids: tuple[str, str, str]) -> None:
    with scripted(answer) as broker:
        with spawned(RunningCollector(tmp_path / "home", f"mqtt://127.0.0.1:{broker.port}")) as collector:
            wait_for(lambda: len(broker.of_kind(SUBSCRIBE)) > 2, "takeovers")
        name = client_id(broker.of_kind(CONNECT)[0])
    log = collector.log.read_text()
    assert ids[0] != ids[2] or is_explained(log, name), log


@pytest.fixture(scope="module")
def beside_a_twin(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Client id and log of a collector that shares its id with a client on mosquitto, which only hangs up."""
    folder = tmp_path_factory.mktemp("beside")
    with mosquitto_with(folder) as broker:
        collector = RunningCollector(folder / "home", broker.url)
        with spawned(collector):
            wait_for(lambda: broker.count("Received SUBSCRIBE from") > 0, "a subscription")
            (line,) = [line for line in broker.log.read_text().splitlines() if "Received SUBSCRIBE from" in line]
            name = line.rpartition(" ")[2]

            def is_over() -> bool:
                log = collector.log.read_text()
                return broker.count("already connected") > TAKEOVERS or (is_explained(log, name) and is_slower(log))

            with twin(broker, name):
                wait_for(is_over, "takeovers")
        return name, collector.log.read_text()


@pytest.mark.mosquitto
def test_ingest_17_a_broker_that_only_hangs_up_is_explained(
    ids: tuple[str, str, str], beside_a_twin: tuple[str, str]
) -> None:
    name, log = beside_a_twin
    assert ids[0] != ids[2] or is_explained(log, name), log


@pytest.mark.mosquitto
def test_ingest_17_a_collector_that_is_thrown_out_again_and_again_slows_down(
    ids: tuple[str, str, str], beside_a_twin: tuple[str, str]
) -> None:
    assert ids[0] != ids[2] or is_slower(beside_a_twin[1]), beside_a_twin[1]
