"""Real Kafka brokers (KRaft) on the loopback: fetched with Maven into a cache folder, started, killed, wiped."""

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from sensor_platform.collect.brokers.local import free_port
from sensor_platform_tests.running import wait_until

_POM = Path(__file__).with_name("pom.xml")
_CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"
_JAVA = ("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_START_SECONDS = 60.0
_SETTINGS = """\
process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners={listeners},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map={protocols},CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={folder}/data
offsets.topic.replication.factor={copies}
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={insync}
default.replication.factor={copies}
min.insync.replicas={insync}
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=2
num.partitions=4
group.initial.rebalance.delay.ms=0
log.retention.check.interval.ms=2000
log.initial.task.delay.ms=1000
message.max.bytes=10485760
"""


def jars() -> Path | None:
    """The fetched jars; None where they were not fetched."""
    folder = _cache()
    return folder if (folder / ".complete").exists() else None


def fetch() -> Path:
    """Fetch the pinned broker with Maven, unless it is there; returns the folder of its jars."""
    folder = _cache()
    if jars() is None:
        shutil.rmtree(folder, ignore_errors=True)
        goal = ("mvn", "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies", f"-DoutputDirectory={folder}")
        subprocess.run(goal, check=True)
        (folder / ".complete").touch()
    return folder


def _cache() -> Path:
    pins = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sensor-platform-kafka" / pins


@dataclass
class RealKafka:
    """Brokers with numbers from 1; data stays when one is stopped or killed."""

    folder: Path
    brokers: int = 1
    heap: str = "256m"
    secured: dict[str, str] = field(default_factory=dict)
    """Further listeners: protocol by name; each broker gets a port for each."""
    more: str = ""
    """Further lines of server.properties; `{folder}` is the broker's."""
    ports: dict[tuple[int, str], int] = field(default_factory=dict)
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Choose ports."""
        for number in self.numbers:
            for name in ("PLAINTEXT", "CONTROLLER", *self.secured):
                self.ports[number, name] = free_port()

    @property
    def numbers(self) -> range:
        return range(1, self.brokers + 1)

    @property
    def servers(self) -> str:
        return self.servers_of("PLAINTEXT")

    def servers_of(self, listener: str) -> str:
        """Bootstrap servers of a listener."""
        return ",".join(f"127.0.0.1:{self.ports[number, listener]}" for number in self.numbers)

    def start(self) -> None:
        """Start all brokers, and wait until they answer."""
        for number in self.numbers:
            self.launch(number)
        for number in self.numbers:
            self.wait_for(number)

    def launch(self, number: int) -> None:
        """Start one broker without waiting for it."""
        folder = self.folder / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        settings = folder / "server.properties"
        settings.write_text(self._settings(number, folder))
        path = f"{fetch()}/*"
        with (folder / "log").open("ab") as log:
            if not (folder / "data/meta.properties").exists():
                tool = ("kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(settings))
                subprocess.run([*_JAVA, "-cp", path, *tool, *self._users()], stdout=log, stderr=log, check=True)
            heap = (f"-Xmx{self.heap}", f"-Xms{self.heap}")
            command = [*_JAVA, *heap, "-cp", path, "kafka.Kafka", str(settings)]
            self.processes[number] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait_for(self, number: int) -> None:
        """Until a broker listens."""

        def listens() -> bool:
            log = self.folder / str(number) / "log"
            assert self.processes[number].poll() is None, log.read_text()[-2000:]
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.ports[number, "PLAINTEXT"])) == 0

        wait_until(listens, f"broker {number}", _START_SECONDS)

    def kill(self, number: int = 1) -> None:
        """End a broker by SIGKILL."""
        process = self.processes.pop(number)
        process.kill()
        process.wait(30)

    def restart(self, number: int = 1) -> None:
        """Start a broker again that was killed."""
        self.launch(number)
        self.wait_for(number)

    def wipe(self, number: int = 1) -> None:
        """Kill a broker and begin again without its data."""
        self.kill(number)
        shutil.rmtree(self.folder / str(number) / "data")
        self.restart(number)

    def stop(self) -> None:
        """End all brokers."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(15)
        self.processes = {}
        for number in self.numbers:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self.folder / str(number) / "data")

    def _settings(self, number: int, folder: Path) -> str:
        copies = min(self.brokers, 3)
        listeners = [f"{name}://127.0.0.1:{self.ports[number, name]}" for name in ("PLAINTEXT", *self.secured)]
        protocols = {"PLAINTEXT": "PLAINTEXT", **self.secured}
        text = _SETTINGS.format(
            id=number,
            voters=",".join(f"{each}@127.0.0.1:{self.ports[each, 'CONTROLLER']}" for each in self.numbers),
            listeners=",".join(listeners),
            protocols=",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            controller=self.ports[number, "CONTROLLER"],
            folder=folder,
            copies=copies,
            insync=1 if copies < 3 else 2,
        )
        return text + self.more.replace("{folder}", str(folder))

    def _users(self) -> list[str]:
        if "SCRAM-SHA-256" not in self.more:
            return []
        return ["--add-scram", "SCRAM-SHA-256=[name=collector,password=scram-secret]"]
