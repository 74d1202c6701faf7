"""Brokers with settings of their own, and collectors that may never get ready."""

import getpass
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from sensor_platform_tests.running import RunningCollector


def wait_for(done: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Poll until `done`; what never comes fails a test that is expected to fail for another reason, too."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.02)


@dataclass(frozen=True)
class LoggingBroker:
    """A mosquitto that logs every connection."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def count(self, words: str) -> int:
        """Lines of its log that have these words."""
        return sum(words in line for line in self.log.read_text().splitlines())


@contextmanager
def mosquitto_with(folder: Path, *lines: str) -> Iterator[LoggingBroker]:
    """Run a mosquitto with these lines besides an anonymous listener."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config, log = folder / "own.conf", folder / "mosquitto.log"
    head = [f"listener {port} 127.0.0.1", "allow_anonymous true", f"user {getpass.getuser()}", "log_type all"]
    config.write_text("\n".join([*head, *lines, ""]))
    with log.open("wb") as out:
        process = subprocess.Popen(["mosquitto", "-c", str(config)], stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: _is_open(port), "mosquitto")
        broker = LoggingBroker(port, log)
        wait_for(lambda: broker.count("New connection from") == 1, "the log of our own look")
        yield broker
    finally:
        process.terminate()
        process.wait()


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


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def spawned(collector: RunningCollector) -> Iterator[RunningCollector]:
    """A collector that is started but not waited for; gone afterwards."""
    collector.spawn()
    try:
        yield collector
    finally:
        if collector.process is not None and collector.process.poll() is None:
            collector.kill()


def fate(collector: RunningCollector, is_hopeless: Callable[[], bool]) -> str:
    """What becomes of a spawned collector: `ready`, `exit` and its code, or `neither` once the case is hopeless."""
    process, found = collector.process, list[str]()
    if process is None or process.stdout is None:
        pytest.fail("the collector is not started")
    said = process.stdout

    def is_decided() -> bool:
        if select.select([said], [], [], 0)[0]:
            found.append("ready" if said.readline() == "ready\n" else f"exit {process.wait(30)}")
        elif is_hopeless():
            found.append("neither")
        return bool(found)

    wait_for(is_decided, "the collector")
    return found[0]
