"""What the collector's benchmarks share: consumers as child processes, their CPU time, when their last byte came."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

COMMAND = (sys.executable, "-c", "from sensor_platform.cli.main import main; main()")
PAYLOAD = (
    b'{"device_id":"d%03d","seq":%d,"temperature":21.53,"humidity":50.12,"pressure":1013.25,"timestamp":1772366400.5}'
)

# What a developer writes first with paho's manual acknowledgement: a line per message, then the acknowledgement.
STOCK_PAHO = """
import sys
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
port, path = int(sys.argv[1]), sys.argv[2]
client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-paho", clean_session=False, manual_ack=True)
file = open(path, "ab", buffering=0)
def on_message(client, userdata, message):
    file.write(message.payload + b"\\n")
    client.ack(message.mid, message.qos)
client.on_connect = lambda client, *rest: client.subscribe("sensors/#", 1)
client.on_message = on_message
client.connect("127.0.0.1", port)
client.loop_forever()
"""


def payload(number: int) -> bytes:
    """About 115 bytes of JSON, always the same number of them."""
    return PAYLOAD % (number % 500, 10_000_000 + number)


@dataclass
class Consumer:
    """One way to get messages into a file."""

    name: str
    argv: Sequence[str]
    folder: Path
    """Where its files grow."""
    environ: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self, *, is_ready_printed: bool = False) -> None:
        """Start it; with `is_ready_printed` wait for its line `ready`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        output = subprocess.PIPE if is_ready_printed else (self.folder / "out").open("ab")
        self.process = subprocess.Popen(self.argv, stdout=output, env=os.environ | self.environ)
        if is_ready_printed:
            assert self.process.stdout is not None
            assert self.process.stdout.readline() == b"ready\n"

    def stop(self) -> None:
        """SIGTERM and wait."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:  # mosquitto_sub, while it waits to connect again
                self.process.kill()
                self.process.wait()

    @property
    def cpu_seconds(self) -> float:
        """User and system time so far."""
        assert self.process is not None
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    @property
    def rss_megabytes(self) -> float:
        """Resident memory now."""
        assert self.process is not None
        return float(psutil.Process(self.process.pid).memory_info().rss / 1e6)

    @property
    def stored_bytes(self) -> int:
        """Size of its segments, or of its one file."""
        total = 0
        for path in (*self.folder.glob("wal/*.open"), *self.folder.glob("wal/*.wal"), *self.folder.glob("out")):
            try:
                total += path.stat().st_size
            except FileNotFoundError:  # sealed between listing and asking: counted at the next look
                continue
        return total


def collector(folder: Path, port: int, site: str = "") -> Consumer:
    """Our collector without its lander, sealing late so that it is the only one at work."""
    (folder / "site").mkdir(parents=True)
    text = f"collect:\n  seal_seconds: 600\n  seal_megabytes: 4096\n{site}"
    (folder / "site" / "site.yaml").write_text(text)
    environ = {
        "SENSOR_PLATFORM_HOME": str(folder),
        "SENSOR_PLATFORM_SITE": str(folder / "site"),
        "SENSOR_PLATFORM_BROKER_URL": f"mqtt://127.0.0.1:{port}",
    }
    return Consumer("collector", [*COMMAND, "collect", "--no-land"], folder, environ)


def mosquitto_sub(folder: Path, port: int) -> Consumer:
    """The C client, payloads to a file."""
    argv = ["mosquitto_sub", "-p", str(port), "-t", "sensors/#", "-q", "1", "-c", "-i", "bench-sub"]
    return Consumer("mosquitto_sub", argv, folder)


def stock_paho(folder: Path, port: int) -> Consumer:
    """Paho as most people use it."""
    return Consumer("stock_paho", [sys.executable, "-c", STOCK_PAHO, str(port), str(folder / "out")], folder)


def wait_until(done: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
    """Poll."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.01)


def median(values: Sequence[float], digits: int = 2) -> float:
    """Median, rounded for reading."""
    return round(statistics.median(values), digits)
