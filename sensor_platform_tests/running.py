"""Real processes for tests: a broker that can be stopped, killed and started again, and a collector likewise."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec
import pytest

from sensor_platform.collect.brokers.local import LocalBroker, free_port, local_broker
from sensor_platform.collect.collector_status import CollectorStatus, read_status
from sensor_platform.collect.config import Broker
from sensor_platform.home import Home
from sensor_platform.reading.model import Envelope
from sensor_platform.wal import read_envelopes

COMMAND = (sys.executable, "-c", "from sensor_platform.cli.main import main; main()")


def wait_until(done: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Poll until `done`, or fail saying what never came."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


class RunningBroker:
    """Mosquitto with the shipped configuration on a fixed free port; state survives stop and kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._context: AbstractContextManager[LocalBroker] | None = None
        self._process: LocalBroker | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def address(self) -> Broker:
        return Broker(port=self.port)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.process.pid

    def forget(self) -> None:
        """Lose every session, queue and retained message; only while it is stopped."""
        for file in self._folder.glob("mosquitto.db*"):
            file.unlink()

    def start(self) -> None:
        self._context = local_broker(self._folder, self.port, "mosquitto")
        self._process = self._context.__enter__()

    def stop(self) -> None:
        if self._context is not None:
            self._context.__exit__(None, None, None)
        self._context = self._process = None

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def wait_for_port(self) -> None:
        """Until something listens there."""

        def is_open() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        wait_until(is_open, "the port")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    """A running mosquitto; a conftest imports this fixture."""
    running = RunningBroker(tmp_path / "broker")
    running.start()
    try:
        yield running
    finally:
        running.stop()


class RunningCollector:
    """`sensor-platform collect` as a child process with its own home."""

    def __init__(
        self,
        home: Path,
        url: str,
        *,
        site: Path | None = None,
        command: Sequence[str] = COMMAND,
        arguments: Sequence[str] = ("collect", "--no-land"),
        environ: dict[str, str] | None = None,
    ) -> None:
        self.home = Home(home)
        self._argv = [*command, *arguments]
        self._environ = os.environ | {"SENSOR_PLATFORM_HOME": str(home), "SENSOR_PLATFORM_BROKER_URL": url}
        self._environ |= {"SENSOR_PLATFORM_SITE": str(site)} if site else {}
        self._environ |= environ or {}
        self.log = home.with_name(f"{home.name}.log")
        self.process: subprocess.Popen[str] | None = None

    def spawn(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._argv, env=self._environ, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True
            )

    def start(self) -> None:
        self.spawn()
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == "ready\n", f"{line!r}\n{self.log.read_text()}"

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds: float = 30.0) -> int:
        assert self.process is not None
        code = self.process.wait(seconds)
        if self.process.stdout:
            self.process.stdout.close()
        return code

    @property
    def status(self) -> CollectorStatus:
        status = read_status(self.home.wal, "collector")
        assert status is not None
        return status

    def committed(self) -> int:
        """Messages in the status of this very process; 0 before its first status."""
        assert self.process is not None
        status = read_status(self.home.wal, "collector")
        return status.counters.messages if status and status.pid == self.process.pid else 0

    def wait_for_messages(self, count: int, seconds: float = 20.0) -> None:
        wait_until(lambda: self.committed() >= count, f"{count} committed messages\n{self.log.read_text()}", seconds)

    def envelopes(self) -> list[Envelope]:
        return list(stored_envelopes(self.home))


def stored_envelopes(home: Home) -> Iterator[Envelope]:
    """Everything in sealed segments and in the raw archive, in order of segments; needs a stopped collector."""
    found = {path.stem: path for path in (*home.raw.glob("*/*.zst"), *home.wal.glob("*.wal"))}
    assert not list(home.wal.glob("*.open")), "an unsealed segment"
    for _, path in sorted(found.items()):
        yield from read_envelopes(path)


@contextmanager
def running_collector(
    home: Path,
    url: str,
    *,
    site: Path | None = None,
    command: Sequence[str] = COMMAND,
    arguments: Sequence[str] = ("collect", "--no-land"),
) -> Iterator[RunningCollector]:
    """A started collector; gone afterwards, whatever happened."""
    collector = RunningCollector(home, url, site=site, command=command, arguments=arguments)
    try:
        collector.start()
        yield collector
    finally:
        if collector.process and collector.process.poll() is None:
            collector.kill()


def write_site(folder: Path, **collect: object) -> Path:
    """A site folder with these settings in section `collect`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.yaml").write_bytes(msgspec.yaml.encode({"collect": collect}))
    return folder
