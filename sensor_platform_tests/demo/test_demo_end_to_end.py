"""The demo as a person runs it, in processes of its own."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from sensor_platform.demo.demo_home import MARKER, tag
from sensor_platform.demo.stragglers import tagged
from sensor_platform_tests.running import COMMAND


@contextmanager
def demo(home: Path, log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen([*COMMAND, "demo", "--home", str(home), *arguments], stdout=out, stderr=out)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def wait_for_words(process: subprocess.Popen[bytes], log: Path, words: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not re.search(words, log.read_text()):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


def ports_in(text: str) -> set[int]:
    return {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", text)}


def assert_nothing_is_left(home: Path, log: Path) -> None:
    assert list(tagged(tag(home))) == []
    assert len(ports_in(log.read_text())) == 3  # broker, Dagster, live page
    for port in ports_in(log.read_text()):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    assert not (home / "tmp").exists()


@pytest.mark.mosquitto
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_an_interrupted_demo_leaves_its_data_and_nothing_else(tmp_path: Path, number: signal.Signals) -> None:
    home, log = tmp_path / "home", tmp_path / "out.log"
    with demo(home, log) as process:
        wait_for_words(process, log, r"landed [1-9]", 120)
        assert len(list(tagged(tag(home)))) >= 3
        process.send_signal(number)
        assert process.wait(60) == 130, log.read_text()
    assert_nothing_is_left(home, log)
    assert list(home.glob("landing/*/*.parquet"))
    assert "Traceback" not in log.read_text()


@pytest.mark.mosquitto
def test_a_process_that_dies_ends_the_demo_with_the_end_of_its_log(tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "out.log"
    with demo(home, log, "--exit") as process:
        wait_for_words(process, log, r"landed [1-9]", 120)
        for pid in tagged(tag(home)):
            if b"collect" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)
        assert process.wait(60) == 3, log.read_text()
    assert "error: the collector ended with code -9" in log.read_text()
    assert "collect.log" in log.read_text()
    assert_nothing_is_left(home, log)


def test_bad_use_is_one_line_and_a_hint(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    cases = {
        ("--home", str(tmp_path)): (2, "not a demo's home"),
        ("--speed", "0"): (2, "--speed"),
        ("--site", str(tmp_path), "--home", str(tmp_path / "new")): (2, "no site.yaml"),
    }
    for arguments, (code, words) in cases.items():
        done = subprocess.run([*COMMAND, "demo", *arguments], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code, done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.soak
@pytest.mark.mosquitto
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("broker", ["mosquitto", "amqtt"])
def test_the_demo_ends_well_twice_on_the_same_home(tmp_path: Path, broker: str) -> None:
    home = tmp_path / "home"
    for attempt in (1, 2):
        log = tmp_path / f"{attempt}.log"
        with demo(home, log, "--exit", "--speed", "8640", "--broker", broker) as process:
            assert process.wait(700) == 0, log.read_text()
        text = log.read_text()
        assert re.search(r"([\d,]+) sent = \1 landed \+ 0 quarantined \+ 0 duplicates", text), text
        assert_nothing_is_left(home, log)
        with duckdb.connect(str(home / "published" / "analytics.duckdb"), read_only=True) as analyst:
            rows = analyst.execute(
                "select metric, count(*) from predictions p join readings_1h a using (device_id, metric)"
                " where a.window_start = p.target_at and a.mean is not null group by metric"
            ).fetchall()
        assert {metric for metric, _ in rows} == {"TEMP", "PM2.5", "machine_temperature"}
        assert (home / MARKER).exists()
