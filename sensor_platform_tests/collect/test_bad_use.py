"""What bad use of `collect` gets: one line, a hint, an exit code, no traceback."""

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sensor_platform.collect.collector_lock import collector_lock
from sensor_platform.errors import WrongUse
from sensor_platform_tests.running import COMMAND, RunningBroker, running_collector, write_site

Collect = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def collect(tmp_path: Path) -> Collect:
    """Runs `collect` to its end."""

    def run(
        url: str, *, site: Path | None = None, home: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        variables = {"SENSOR_PLATFORM_HOME": str(home or tmp_path / "home"), "SENSOR_PLATFORM_BROKER_URL": url}
        variables |= {"SENSOR_PLATFORM_SITE": str(site)} if site else {}
        return subprocess.run(
            [*COMMAND, "collect", "--no-land"],
            env=os.environ | variables | environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def assert_refused(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert result.returncode == code, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    error, hint = result.stderr.strip().splitlines()[-2:]
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")
    for word in words:
        assert word in error, result.stderr


def secured(broker: RunningBroker, folder: Path, lines: list[str]) -> subprocess.Popen[bytes]:
    """A mosquitto of its own with these lines instead of an anonymous listener."""
    broker.stop()
    config = folder / "secured.conf"
    config.write_text("\n".join([f"listener {broker.port} 127.0.0.1", "user root", *lines, ""]))
    process = subprocess.Popen(["mosquitto", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    broker.wait_for_port()
    return process


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
@pytest.mark.mosquitto
def test_a_refused_login(tmp_path: Path, broker: RunningBroker, collect: Collect, protocol: str) -> None:
    process = secured(broker, tmp_path, ["allow_anonymous false"])
    try:
        site = write_site(tmp_path / "site", protocol=protocol)
        result = collect(f"mqtt://somebody:secret@127.0.0.1:{broker.port}", site=site)
    finally:
        process.terminate()
        process.wait()
    assert_refused(result, 2, "refused the login", "somebody:***@")
    assert "secret" not in result.stderr


@contextmanager
def scripted_broker(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """A broker that answers each packet of its one client with what `answer` says."""

    def serve(server: socket.socket) -> None:
        peer, _ = server.accept()
        with peer:
            while data := peer.recv(65536):
                peer.sendall(answer(data))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        yield f"mqtt://127.0.0.1:{server.getsockname()[1]}"
        thread.join(5.0)


@pytest.mark.parametrize(("protocol", "is_v5", "code"), [("3.1.1", False, 0x80), ("5", True, 0x87)])
def test_a_refused_subscription(tmp_path: Path, collect: Collect, protocol: str, is_v5: bool, code: int) -> None:
    def answer(packet: bytes) -> bytes:
        if packet[0] == 0x10:
            return b"\x20\x03\x00\x00\x00" if is_v5 else b"\x20\x02\x00\x00"
        if packet[0] == 0x82:
            body = packet[2:4] + (b"\x00" if is_v5 else b"") + bytes([code])
            return b"\x90" + bytes([len(body)]) + body
        return b""

    with scripted_broker(answer) as url:
        result = collect(url, site=write_site(tmp_path / "site", protocol=protocol))
    assert_refused(result, 2, "refused the subscription", "sensors/#")


def test_a_broker_without_mqtt_5(tmp_path: Path, collect: Collect) -> None:
    with scripted_broker(lambda packet: b"\x20\x02\x00\x01" if packet[0] == 0x10 else b"") as url:
        result = collect(url, site=write_site(tmp_path / "site", protocol="5"))
    assert_refused(result, 2, "does not speak this version of MQTT")
    assert "3.1.1" in result.stderr


@pytest.mark.mosquitto
def test_an_untrusted_certificate_and_a_trusted_one(
    tmp_path: Path, broker: RunningBroker, collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca, cert, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(make, check=True, capture_output=True)
    ca.write_bytes(cert.read_bytes())
    lines = ["allow_anonymous true", f"cafile {ca}", f"certfile {cert}", f"keyfile {key}"]
    url = f"mqtts://localhost:{broker.port}"
    process = secured(broker, tmp_path, lines)
    try:
        assert_refused(collect(url), 2, "certificate", "not trusted")
        assert_refused(collect(url, SENSOR_PLATFORM_BROKER_CA_FILE=str(tmp_path / "missing")), 2, "certificate files")
        monkeypatch.setenv("SENSOR_PLATFORM_BROKER_CA_FILE", str(ca))
        with running_collector(tmp_path / "tls", url) as collector:
            publish = ["mosquitto_pub", "-h", "localhost", "-p", str(broker.port), "--cafile", str(ca), "-q", "1"]
            publish += ["-t", "sensors/tls", "-l"]
            subprocess.run(publish, input=b"".join(b"%d\n" % n for n in range(5000)), check=True)
            collector.wait_for_messages(5000)
            assert collector.stop() == 0
        assert [int(e.payload) for e in collector.envelopes()] == list(range(5000))
    finally:
        process.terminate()
        process.wait()


@pytest.mark.mosquitto
def test_a_client_certificate_that_is_required(
    tmp_path: Path, broker: RunningBroker, collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(make, check=True, capture_output=True)
    lines = ["allow_anonymous true", f"cafile {cert}", f"certfile {cert}", f"keyfile {key}", "require_certificate true"]
    process = secured(broker, tmp_path, lines)
    files = {"SENSOR_PLATFORM_BROKER_CA_FILE": str(cert)}
    files_ours = {"SENSOR_PLATFORM_BROKER_CERT_FILE": str(cert), "SENSOR_PLATFORM_BROKER_KEY_FILE": str(key)}
    try:
        assert_refused(collect(f"mqtts://localhost:{broker.port}", **files), 2, "TLS")
        for name, file in (files | files_ours).items():
            monkeypatch.setenv(name, file)
        with running_collector(tmp_path / "mtls", f"mqtts://localhost:{broker.port}") as collector:
            assert collector.stop() == 0
    finally:
        process.terminate()
        process.wait()


def test_an_unknown_host(collect: Collect) -> None:
    assert_refused(collect("mqtt://no-such-host.invalid:1883"), 3, "no-such-host.invalid", "unknown")


def test_a_home_that_cannot_be_written(tmp_path: Path, collect: Collect) -> None:
    (tmp_path / "file").touch()
    assert_refused(collect("mqtt://127.0.0.1:1", home=tmp_path / "file" / "home"), 2, "cannot be written")


def test_overlapping_filters(tmp_path: Path, collect: Collect) -> None:
    site = write_site(tmp_path / "site", subscriptions=[{"topic": "a/#"}, {"topic": "a/b"}])
    assert_refused(collect("mqtt://127.0.0.1:1", site=site), 2, "overlap")


def test_a_collector_name_with_a_slash(tmp_path: Path, collect: Collect) -> None:
    site = write_site(tmp_path / "site", collector="../up")
    assert_refused(collect("mqtt://127.0.0.1:1", site=site), 2, "../up")


@pytest.mark.mosquitto
def test_a_second_collector_on_the_same_home_is_told_who_holds_it(
    tmp_path: Path, broker: RunningBroker, collect: Collect
) -> None:
    with running_collector(tmp_path / "home", broker.url) as collector:
        assert collector.process is not None
        assert_refused(collect(broker.url), 2, "another collector", f"process {collector.process.pid}")
        assert collector.stop() == 0


def test_the_lock_is_free_again_after_its_holder(tmp_path: Path) -> None:
    with collector_lock(tmp_path / "wal", "first"), pytest.raises(WrongUse, match="first"):
        collector_lock(tmp_path / "wal", "second").__enter__()
    with collector_lock(tmp_path / "wal", "third"):
        assert (tmp_path / "wal" / "collector.lock").read_text() == "third\n"
