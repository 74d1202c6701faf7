"""The client id belongs to a data folder; two collectors that share one say so."""

import shutil
from pathlib import Path

import pytest

from sensor_platform.collect.mqtt.client_id import client_id_of, new_client_id
from sensor_platform.collect.mqtt.session_record import SessionRecord, save_record
from sensor_platform.collect.mqtt.session_rivalry import SessionRivalry
from sensor_platform_tests.running import RunningBroker, running_collector, wait_until, write_site
from sensor_platform_tests.scripted_broker import CONNECT, PUBLISH, Got, scripted

SUBSCRIBE = 8


def test_the_id_is_made_once_and_differs_between_folders_and_collectors(tmp_path: Path) -> None:
    mine = client_id_of(tmp_path / "a", "c")
    assert mine == client_id_of(tmp_path / "a", "c")
    assert mine.startswith("sensor-platform-c-")
    assert len({mine, client_id_of(tmp_path / "b", "c"), client_id_of(tmp_path / "a", "d")}) == 3
    assert new_client_id(tmp_path / "a", "c") == client_id_of(tmp_path / "a", "c") != mine


def test_a_folder_of_an_earlier_version_keeps_the_id_of_its_session(tmp_path: Path) -> None:
    save_record(tmp_path / "c.session", SessionRecord(session="s", client_id="sensor-platform-c-0a1b2c3d"))
    assert client_id_of(tmp_path, "c") == "sensor-platform-c-0a1b2c3d"
    (tmp_path / "c.session").unlink()
    assert client_id_of(tmp_path, "c") == "sensor-platform-c-0a1b2c3d", "from now on without the record"
    made = new_client_id(tmp_path, "c")
    save_record(tmp_path / "c.session", SessionRecord(session="s", client_id="sensor-platform-c-0a1b2c3d"))
    assert client_id_of(tmp_path, "c") == made, "a record of the id of before does not bring it back"


@pytest.mark.parametrize("content", ["{", "{}", ""])
def test_a_session_record_that_cannot_be_read_gives_no_id(tmp_path: Path, content: str) -> None:
    (tmp_path / "c.session").write_text(content)
    (tmp_path / "c.client").write_text("")
    assert client_id_of(tmp_path, "c").startswith("sensor-platform-c-")


def test_connections_that_end_soon_after_they_were_made_are_suspicious() -> None:
    rivalry = SessionRivalry()
    for number in range(4):
        assert not rivalry.is_suspected(number)
        rivalry.note_loss(number, 0.5, is_taken_over=False)
    assert (rivalry.is_suspected(5), rivalry.is_suspected(400), rivalry.is_certain(5)) == (True, False, False)
    rivalry.note_outage()
    assert not rivalry.is_suspected(5), "the broker was away: that is why they ended"
    for number in range(8):
        rivalry.note_loss(number, 100.0, is_taken_over=False)
    assert not rivalry.is_suspected(5)
    rivalry.note_loss(10, 100.0, is_taken_over=True)
    assert (rivalry.is_certain(20), rivalry.is_certain(400)) == (True, False)


def taken_over(packet: Got) -> bytes | None:
    """MQTT 5: the broker throws the client out as soon as it is online."""
    if packet.kind == CONNECT:
        return b"\x20\x03\0\0\0"
    if packet.kind == SUBSCRIBE:
        return b"\x90\x04" + packet.body[:2] + b"\0\x01"
    return b"\xe0\x02\x8e\0" if packet.kind == PUBLISH else b""


def test_a_broker_that_says_that_the_session_was_taken_over_is_understood(tmp_path: Path) -> None:
    with scripted(taken_over) as broker, running_collector(tmp_path / "home", f"mqtt://127.0.0.1:{broker.port}") as one:
        wait_until(lambda: "--new-client-id" in (one.status.problem or ""), "the problem")
        assert "another client has the client id" in str(one.status.problem)


@pytest.mark.mosquitto
@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_two_copies_of_a_folder_say_so_and_a_new_id_ends_it(
    tmp_path: Path, broker: RunningBroker, protocol: str
) -> None:
    site = write_site(tmp_path / "site", protocol=protocol)
    home, copy = tmp_path / "home", tmp_path / "copy"
    with running_collector(home, broker.url, site=site) as one:
        one.stop()
        shutil.copytree(home, copy)
        one.start()
        with running_collector(copy, broker.url, site=site) as other:
            for collector in (one, other):
                wait_until(lambda c=collector: "client id" in (c.status.problem or ""), "the problem", 40)  # type: ignore[misc]
            other.stop()
        with running_collector(
            copy, broker.url, site=site, arguments=("collect", "--no-land", "--new-client-id")
        ) as other:
            assert other.status.client_id != one.status.client_id
            wait_until(lambda: one.status.state == "connected", "the connection", 40)
            connects = (one.status.counters.connects, other.status.counters.connects)
            other.wait_for_messages(0)
            assert (one.status.counters.connects, other.status.counters.connects) == connects
