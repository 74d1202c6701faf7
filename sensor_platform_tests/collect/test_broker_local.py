import os
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest

from sensor_platform.collect.brokers import local as broker_local
from sensor_platform.collect.brokers.local import SHIPPED_CONFIG, free_port, local_broker, mosquitto_config
from sensor_platform.devices.publisher import Publisher, PublisherOptions
from sensor_platform.doctor.session_checks import SelfTest, connect_v5, store_and_forward
from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.settings import broker_from


def settings(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def test_the_shipped_promises_survive_and_address_and_folder_are_local(tmp_path: Path) -> None:
    shipped = SHIPPED_CONFIG.read_text("utf-8")
    local = settings(mosquitto_config(shipped, 2345, tmp_path))
    for key in (
        "persistence",
        "autosave_interval",
        "autosave_on_changes",
        "max_queued_messages",
        "max_inflight_messages",
    ):
        assert [line for line in local if line[0] == key] == [line for line in settings(shipped) if line[0] == key]
    assert [line for line in local if line[0] == "listener"] == [["listener", "2345", "127.0.0.1"]]
    assert [line for line in local if line[0] == "persistence_location"] == [["persistence_location", f"{tmp_path}/"]]


def test_a_site_s_own_logins_and_listeners_are_not_taken_over(tmp_path: Path) -> None:
    theirs = "listener 8883\npassword_file /etc/pw\nuser mosquitto\n# a comment\nmax_queued_messages 0\n\n"
    local = settings(mosquitto_config(theirs, 2345, tmp_path))
    assert not any(line[0] == "password_file" for line in local)
    assert ["max_queued_messages", "0"] in local
    assert ["user", "mosquitto"] not in local


def test_a_preferred_port_is_taken_when_free_and_left_alone_when_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert free_port(taken) != taken
    assert free_port(taken) == taken


@pytest.mark.mosquitto
def test_mosquitto_runs_keeps_what_it_accepted_over_a_restart_and_leaves_its_port(tmp_path: Path) -> None:
    port = free_port()
    with local_broker(tmp_path, port) as broker:
        assert (broker.url, broker.kind) == (f"mqtt://127.0.0.1:{port}", "mosquitto")
        assert connect_v5(broker_from(broker.url), 60).maximum_qos == 2
        result = store_and_forward(broker_from(broker.url), SelfTest("5", 1500, "t"))
        assert (result.was_kept, result.arrived) == (True, 1500)
    with pytest.raises(Unreachable):
        Publisher(broker_from(broker.url))
    assert (tmp_path / "mosquitto.db").is_file()
    with local_broker(tmp_path, port):
        pass


def test_the_embedded_broker_forwards_at_every_qos_and_says_what_it_is(tmp_path: Path) -> None:
    with local_broker(tmp_path, kind="amqtt") as broker:
        assert (broker.kind, broker.protocol) == ("amqtt", "3.1.1")
        assert "not durable" in broker.note
        address = broker_from(broker.url)
        for qos in (1, 2):
            with Publisher(address, PublisherOptions(qos=qos)) as publisher:
                for number in range(200):
                    publisher.publish("t", b"%d" % number)
                assert publisher.drain(20)
            assert publisher.acknowledged == 200
        pid = broker.process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_auto_takes_the_embedded_broker_where_mosquitto_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with local_broker(tmp_path) as broker:
        assert broker.kind == "amqtt"
    with pytest.raises(WrongUse, match="not on PATH"), local_broker(tmp_path, kind="mosquitto"):
        pass


def test_a_port_in_use_is_said_and_no_stranger_is_taken_for_the_broker(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Unreachable, match=f"port {port} of .* is in use"), local_broker(tmp_path, port, "amqtt"):
            pass


@pytest.mark.mosquitto
def test_a_broker_that_does_not_start_is_reported_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.conf"
    broken.write_text("no_such_setting 1\n")
    monkeypatch.setattr(broker_local, "SHIPPED_CONFIG", broken)
    with pytest.raises(Unreachable, match="no_such_setting"), local_broker(tmp_path / "broker", kind="mosquitto"):
        pass


@pytest.mark.mosquitto
def test_publishing_goes_on_when_the_broker_is_restarted(tmp_path: Path) -> None:
    port = free_port()
    with local_broker(tmp_path, port, "mosquitto") as broker:
        publisher = Publisher(broker_from(broker.url))
        for number in range(100):
            publisher.publish("t", b"%d" % number)
            publisher.pump(0.0)

    def publish_on() -> None:
        for number in range(100, 200):
            publisher.publish("t", b"%d" % number)
        publisher.drain(20)

    thread = threading.Thread(target=publish_on)
    thread.start()
    time.sleep(0.3)
    with local_broker(tmp_path, port, "mosquitto"):
        thread.join(20)
        publisher.close()
    assert (publisher.sent, publisher.acknowledged) == (200, 200)
    assert publisher.reconnects >= 1
