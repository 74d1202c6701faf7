import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sensor_platform.collect.brokers.local import SHIPPED_CONFIG, LocalBroker, free_port, local_broker
from sensor_platform.collect.child_process import ChildCommand, ChildProcess
from sensor_platform.collect.config import Broker, CollectConfig
from sensor_platform.doctor import Finding, exit_code, fail, failure, ok, skipped, warn
from sensor_platform.doctor import home_checks as doctor_home
from sensor_platform.doctor.broker import BrokerCheck, check_broker
from sensor_platform.doctor.home_checks import check_home
from sensor_platform.doctor.mosquitto import (
    WANTED_PERSISTENCE,
    WANTED_QUEUE,
    check_settings,
    find_config,
    read_settings,
)
from sensor_platform.errors import ExitCode, Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.settings import broker_from
from sensor_platform_tests.running import wait_until

V5, V311 = CollectConfig(), CollectConfig(protocol="3.1.1")


def by_name(findings: Iterator[Finding]) -> dict[str, Finding]:
    found = list(findings)
    assert len({finding.check for finding in found}) == len(found)
    for finding in found:
        assert bool(finding.hint) == (finding.status != "ok"), finding
    return {finding.check: finding for finding in found}


@contextmanager
def mosquitto_with(folder: Path, text: str) -> Iterator[Broker]:
    port = free_port()
    config = folder / "own.conf"
    config.write_text(f"listener {port} 127.0.0.1\nuser {pwd.getpwuid(os.getuid()).pw_name}\n{text}\n")
    with ChildProcess(ChildCommand("mosquitto", ["mosquitto", "-c", str(config)], folder / "own.log")) as process:
        wait_for_port(process, port)
        yield Broker(port=port)


def wait_for_port(process: ChildProcess, port: int) -> None:
    def is_open() -> bool:
        process.require_running()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(is_open, "the port")


@pytest.mark.mosquitto
def test_mosquitto_as_it_comes_is_found_wanting_with_the_lines_to_change(tmp_path: Path) -> None:
    with mosquitto_with(tmp_path, "allow_anonymous true") as broker:
        found = by_name(check_broker(broker, V5, BrokerCheck()))
    assert found["store and forward"].status == "fail"
    assert found["store and forward"].detail.startswith("1000 of 2000 ")
    assert "max_queued_messages 0" in found["store and forward"].hint
    assert found["broker queue"].status == "fail"
    assert "persistence true; autosave_interval 1" in found["broker persistence"].hint
    assert exit_code(found.values()) == ExitCode.CHECK_FAILED


@pytest.mark.mosquitto
@pytest.mark.parametrize("collect", [V5, V311], ids=["MQTT 5", "MQTT 3.1.1"])
def test_the_shipped_configuration_passes(tmp_path: Path, collect: CollectConfig) -> None:
    with local_broker(tmp_path / "broker", kind="mosquitto") as broker:
        found = by_name(check_broker(broker_from(broker.url), collect, BrokerCheck()))
    assert {name: finding.status for name, finding in found.items()} == dict.fromkeys(found, "ok")
    assert len(found) == 6
    assert exit_code(found.values()) == ExitCode.OK


@pytest.mark.mosquitto
def test_doctor_leaves_no_session_and_no_message_behind(tmp_path: Path) -> None:
    with mosquitto_with(tmp_path, "allow_anonymous true\nsys_interval 1\nmax_queued_messages 0") as broker:
        list(check_broker(broker, V5, BrokerCheck(messages=1200)))
        list(check_broker(broker, V311, BrokerCheck(messages=1200)))
        time.sleep(2.5)  # the figures are published once a second
        argv = ["mosquitto_sub", "-p", str(broker.port), "-C", "1", "-W", "10", "-t", "$SYS/broker/clients/total"]
        clients = int(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
        retained = subprocess.run(
            ["mosquitto_sub", "-p", str(broker.port), "-t", "sensor-platform/#", "-W", "1"],
            capture_output=True,
            check=False,
        )
    assert clients == 0
    assert retained.stdout == b""


@pytest.mark.mosquitto
def test_a_broker_whose_user_may_not_write_is_caught_though_its_settings_are_right(tmp_path: Path) -> None:
    text = (
        "allow_anonymous true\npersistence true\nautosave_interval 1\n"
        f"max_queued_messages 0\npersistence_location {tmp_path}/nowhere/"
    )
    with mosquitto_with(tmp_path, text) as broker:
        found = by_name(check_broker(broker, V5, BrokerCheck(messages=10)))
    assert found["broker persistence"].status == "fail"
    assert "does not write" in found["broker persistence"].detail
    assert found["broker queue"].status == "ok"


@pytest.mark.mosquitto
def test_a_wrong_password_is_wrong_use_and_is_never_shown(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "me", "right"], check=True, capture_output=True)
    passwords.chmod(0o644)
    with mosquitto_with(tmp_path, f"allow_anonymous false\npassword_file {passwords}") as broker:
        wrong = Broker(port=broker.port, username="me", password="secret-wrong")
        found = by_name(check_broker(wrong, V5, BrokerCheck()))
        right = by_name(check_broker(Broker(port=broker.port, username="me", password="right"), V5, BrokerCheck()))
    assert [found[name].status for name in ("broker reachable", "broker login")] == ["ok", "fail"]
    assert found["store and forward"].status == "skipped"
    assert exit_code(found.values()) == ExitCode.WRONG_USE
    assert "secret-wrong" not in repr(found)
    assert right["broker login"] == ok("broker login", "as me")
    assert "right" not in repr(right["broker reachable"])


@pytest.mark.mosquitto
def test_a_login_that_may_not_use_the_test_topic_is_told_so(tmp_path: Path) -> None:
    access = tmp_path / "acl"
    access.write_text("topic readwrite sensors/#\n")
    access.chmod(0o644)
    with mosquitto_with(tmp_path, f"allow_anonymous true\nacl_file {access}\nmax_queued_messages 0") as broker:
        denied = by_name(check_broker(broker, V5, BrokerCheck(messages=20)))
        allowed = by_name(check_broker(broker, V5, BrokerCheck(messages=20, topic="sensors/doctor")))
    assert denied["store and forward"].status == "fail"
    assert allowed["store and forward"].status == "ok"


def test_no_broker_is_unreachable_and_the_rest_is_skipped() -> None:
    found = by_name(check_broker(Broker(port=free_port()), V5, BrokerCheck()))
    assert found["broker reachable"].status == "fail"
    assert {finding.status for name, finding in found.items() if name != "broker reachable"} == {"skipped"}
    assert exit_code(found.values()) == ExitCode.UNREACHABLE


def test_a_broker_of_3_1_1_alone_is_told_apart_with_the_line_to_write(tmp_path: Path) -> None:
    with local_broker(tmp_path, kind="amqtt") as broker:
        found = by_name(check_broker(broker_from(broker.url), V5, BrokerCheck(messages=10)))
    assert found["broker protocol"].status == "fail"
    assert 'protocol: "3.1.1"' in found["broker protocol"].hint
    assert found["store and forward"].status == "skipped"


def test_the_embedded_broker_forgets_sessions_and_doctor_sees_it(tmp_path: Path) -> None:
    with local_broker(tmp_path, kind="amqtt") as broker:
        found = by_name(check_broker(broker_from(broker.url), V311, BrokerCheck(messages=50)))
    assert found["broker protocol"].status == "ok"
    assert found["store and forward"].status == "fail"


def test_an_anonymous_broker_elsewhere_is_a_warning(mosquitto: LocalBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor_platform.doctor.broker._is_local", lambda _: False)
    found = by_name(check_broker(broker_from(mosquitto.url), V5, BrokerCheck(messages=10)))
    assert found["broker login"].status == "warn"
    assert found["broker persistence"].status == "warn"


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([ok("a", "x")], 0),
        ([ok("a", "x"), warn("b", "x", "y")], 0),
        ([fail("a", "x", "y"), ok("b", "x")], 1),
        ([fail("a", "x", "y"), failure("b", Unreachable("m", "h"))], 3),
        ([failure("b", Unreachable("m", "h")), failure("c", WrongUse("m", "h")), fail("a", "x", "y")], 2),
        ([skipped("a", "x")], 0),
        ([], 0),
    ],
)
def test_what_must_be_corrected_first_decides_the_exit_code(findings: list[Finding], code: int) -> None:
    assert exit_code(findings) == code


@pytest.mark.parametrize(
    ("settings", "persistence", "queue"),
    [
        ({}, "fail", "fail"),
        ({"persistence": "true"}, "fail", "fail"),
        ({"persistence": "false", "autosave_interval": "1"}, "fail", "fail"),
        ({"persistence": "true", "autosave_interval": "0"}, "fail", "fail"),
        ({"persistence": "true", "autosave_interval": "60"}, "fail", "fail"),
        ({"persistence": "true", "autosave_interval": "5"}, "warn", "fail"),
        ({"persistence": "true", "autosave_interval": "1"}, "ok", "fail"),
        ({"persistence": "true", "autosave_interval": "1", "autosave_on_changes": "true"}, "ok", "fail"),
        ({"persistence": "true", "autosave_interval": "100", "autosave_on_changes": "true"}, "fail", "fail"),
        ({"max_queued_messages": "0"}, "fail", "ok"),
        ({"max_queued_messages": "1000"}, "fail", "fail"),
        ({"max_queued_messages": "5000"}, "fail", "warn"),
        ({"max_queued_messages": "1000000"}, "fail", "ok"),
        ({"max_queued_messages": "0", "max_queued_bytes": "1000000"}, "fail", "warn"),
    ],
)
def test_what_mosquittos_settings_are_worth(settings: dict[str, str], persistence: str, queue: str) -> None:
    found = by_name(check_settings(settings, "m.conf", 0.0))
    assert (found["broker persistence"].status, found["broker queue"].status) == (persistence, queue)


def test_the_lines_that_doctor_asks_for_are_those_that_are_shipped() -> None:
    shipped = read_settings(SHIPPED_CONFIG)
    for line in (*WANTED_PERSISTENCE, *WANTED_QUEUE):
        key, value = line.split()
        assert shipped[key] == value


def test_settings_are_read_with_their_include_folder_and_the_last_one_wins(tmp_path: Path) -> None:
    more = tmp_path / "conf.d"
    more.mkdir()
    (more / "a.conf").write_text("max_queued_messages 0\n")
    (more / "ignored.txt").write_text("persistence false\n")
    main = tmp_path / "main.conf"
    main.write_text(f"# persistence false\npersistence true\nmax_queued_messages 5\ninclude_dir {more}\n")
    found = read_settings(main)
    assert (found["persistence"], found["max_queued_messages"]) == ("true", "0")


@pytest.mark.mosquitto
def test_the_running_brokers_file_is_found_by_its_port(tmp_path: Path) -> None:
    with mosquitto_with(tmp_path, "allow_anonymous true") as broker:
        assert find_config(broker.port) == (True, tmp_path / "own.conf")
        assert find_config(free_port()) == (False, None)


@pytest.mark.mosquitto
def test_a_mosquitto_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    port = free_port()
    command = ChildCommand("mosquitto", [str(shutil.which("mosquitto")), "-p", str(port)], tmp_path / "log")
    with ChildProcess(command) as process:
        wait_for_port(process, port)
        assert find_config(port) == (True, None)
        found = by_name(check_broker(Broker(port=port), V5, BrokerCheck(messages=10)))
    assert "without a configuration file" in found["broker queue"].detail
    assert found["broker queue"].status == "fail"


def test_a_good_home_passes_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    found = by_name(check_home(Home(tmp_path)))
    assert found["home writable"].status == found["fsync"].status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_does_not_exist_is_judged_by_its_nearest_folder_and_not_made(tmp_path: Path) -> None:
    found = by_name(check_home(Home(tmp_path / "a" / "b")))
    assert found["home writable"].status == "ok"
    assert "does not exist yet" in found["home writable"].detail
    assert not (tmp_path / "a").exists()


def test_an_unwritable_home_fails_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    found = by_name(check_home(Home(tmp_path)))
    assert found["home writable"].status == "fail"
    assert "Permission denied" in found["home writable"].detail
    assert found["fsync"].status == "skipped"


@pytest.mark.parametrize(("free", "status"), [(1 << 29, "fail"), (2 << 30, "warn"), (9 << 30, "ok")])
def test_room_is_judged_by_what_is_free(
    free: int, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil._ntuple_diskusage(100 << 30, (100 << 30) - free, free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert by_name(check_home(Home(tmp_path)))["disk space"].status == status


@pytest.mark.parametrize(("kind", "status"), [("ext4", "ok"), ("tmpfs", "warn"), ("nfs4", "warn")])
def test_a_file_system_that_forgets_or_is_far_away_is_a_warning(kind: str, status: str, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / xfs rw 0 0\nx {tmp_path} {kind} rw 0 0\ny {tmp_path}/other tmpfs rw 0 0\n")
    assert doctor_home._filesystem(tmp_path, mounts).status == status


def test_slow_fsync_is_a_warning() -> None:
    assert doctor_home._fsync([0.05] * 20).status == "warn"
    assert doctor_home._fsync([0.001] * 19 + [0.5]).status == "ok"
