"""A scenario as its users run it: its site folder, a real broker, the collector, Dagster's command line, SQL."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import duckdb

from sensor_platform.collect.brokers.local import free_port, local_broker
from sensor_platform.collect.config import Broker
from sensor_platform.devices.fleet import fleet_messages, read_fleets
from sensor_platform.devices.pacing import ScheduledMessage
from sensor_platform.devices.publisher import Publisher
from sensor_platform.home import Home
from sensor_platform_tests.running import COMMAND, RunningCollector, wait_until

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Scenario:
    """One of `examples/`, running on an empty home."""

    site: Path
    home: Home
    publisher: Publisher
    collector: RunningCollector
    url: str

    def send(self, messages: Iterable[ScheduledMessage]) -> int:
        """Publish at once, whatever their offsets; returns how many."""
        before = self.publisher.sent
        for message in messages:
            self.publisher.publish(message.topic, message.payload)
        assert self.publisher.drain()
        return self.publisher.sent - before

    def fleet(self, seconds: float, start: datetime) -> Iterator[ScheduledMessage]:
        """The scenario's own devices, as they would have spoken from `start` (aware UTC) on."""
        fleets = read_fleets(self.site / "fleet.yaml")
        return fleet_messages(fleets, seconds, 1, 1, lambda offset: start + timedelta(seconds=offset))

    def wait_for_landed(self, messages: int) -> None:
        """Until so many messages have a fate in the ledger."""
        wait_until(lambda: self.fates().get("received", 0) >= messages, f"{messages} messages in the ledger", 60)

    def fates(self) -> dict[str, int]:
        """Messages by fate, of the whole ledger."""
        done = self.run("audit", "--json")
        assert done.returncode == 0, done.stderr
        hours = json.loads(done.stdout)["hours"]
        return {fate: sum(hour[fate] for hour in hours) for fate in ("received", "landed", "quarantined", "duplicate")}

    def materialise(self, first: date, last: date, without: Sequence[str] = ()) -> None:
        """Landing and all that comes after it for some days, but for some assets, by the `dagster` command line."""
        self.home.dagster.mkdir(parents=True, exist_ok=True)
        (self.home.dagster / "dagster.yaml").write_bytes((REPOSITORY / "dagster.yaml").read_bytes())
        command = [
            *(
                str(Path(sys.executable).with_name("dagster")),
                "asset",
                "materialize",
                "-m",
                "sensor_platform.definitions",
            ),
            *("--select", " and ".join(['key:"landing"+', *(f'not key:"{name}"' for name in without)])),
            *("--partition-range", f"{first}...{last}"),
        ]
        done = subprocess.run(command, env=self.environ(), capture_output=True, text=True, cwd=REPOSITORY, check=False)
        assert done.returncode == 0, done.stderr[-3000:]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command of `sensor-platform`."""
        command = [sys.executable, "-c", "from sensor_platform.cli.main import main; main()", *arguments]
        return subprocess.run(command, env=self.environ(), capture_output=True, text=True, check=False)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """What an analyst gets."""
        with duckdb.connect(str(self.home.analytics_file), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def environ(self) -> dict[str, str]:
        """Environment of the scenario's processes."""
        return os.environ | {
            "SENSOR_PLATFORM_HOME": str(self.home.root),
            "SENSOR_PLATFORM_SITE": str(self.site),
            "SENSOR_PLATFORM_BROKER_URL": self.url,
            "DAGSTER_HOME": str(self.home.dagster),
        }


class Live:
    """The scenario's live process, until the block ends."""

    def __init__(self, scenario: Scenario) -> None:
        argv = [*COMMAND, "live", "--port", str(free_port())]
        with (scenario.home.root.parent / "live.log").open("ab") as log:
            self._process = subprocess.Popen(
                argv, env=scenario.environ(), stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True
            )
        assert self._process.stdout is not None
        self._url = self._process.stdout.readline().strip()
        assert self._url.startswith("http"), (scenario.home.root.parent / "live.log").read_text()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        if self._process.stdout:
            self._process.stdout.close()

    def kill(self) -> None:
        """With no chance to say goodbye."""
        self._process.kill()
        self._process.wait(30)

    def get(self, path: str) -> Any:
        """What an endpoint answers."""
        with urllib.request.urlopen(self._url + path, timeout=10) as answer:
            return json.load(answer)

    def post(self, path: str, content: Any) -> Any:
        """What an endpoint answers to JSON."""
        headers = {"content-type": "application/json", "x-requested-with": "sensor-platform"}
        request = urllib.request.Request(self._url + path, json.dumps(content).encode(), headers, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def text(self, path: str) -> str:
        """What an endpoint says in plain text."""
        with urllib.request.urlopen(self._url + path, timeout=10) as answer:
            return str(answer.read().decode())

    def wait_for_messages(self, count: int) -> None:
        """Until the engine has taken so many."""

        def taken() -> bool:
            lines = self.text("/metrics").splitlines()
            name = "sensor_platform_live_messages_total "
            return any(line.startswith(name) and float(line.split()[-1]) >= count for line in lines)

        wait_until(taken, f"{count} messages taken in live", 60)


@contextmanager
def running_scenario(
    name: str,
    folder: Path,
    start: date,
    change: Callable[[str], str] = str,
    change_rules: Callable[[str], str] | None = None,
) -> Iterator[Scenario]:
    """The scenario with broker and collector up; its site starts at `start` so that few partitions exist."""
    site = folder / "site"
    example = REPOSITORY / "examples" / name
    for path in example.rglob("*.*"):
        target = site / path.relative_to(example)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    if change_rules is not None:
        (site / "rules.yaml").write_text(change_rules((site / "rules.yaml").read_text()))
    text = (site / "site.yaml").read_text()
    with local_broker(folder / "broker") as broker:
        text = text.replace(
            "collect:\n", f'start: {start}\n\ncollect:\n  protocol: "{broker.protocol}"\n  seal_seconds: 0.5\n'
        )
        (site / "site.yaml").write_text(change(text))
        home = Home(folder / "home")
        collector = RunningCollector(home.root, broker.url, site=site, arguments=("collect",))
        collector.start()
        try:
            port = int(broker.url.rsplit(":", 1)[1])
            with Publisher(Broker(port=port)) as publisher:
                yield Scenario(site, home, publisher, collector, broker.url)
        finally:
            collector.stop()
