"""A trial of the first promise on this machine: devices that misbehave, processes killed with SIGKILL, and a tally."""

import contextlib
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sensor_platform.collect.brokers.local import LocalBroker, free_port, local_broker
from sensor_platform.collect.child_process import ChildProcess, Command
from sensor_platform.collect.devices.faults import Faults, disturbed
from sensor_platform.collect.devices.pacing import send_on_schedule
from sensor_platform.collect.devices.publisher import Publisher, PublisherOptions
from sensor_platform.collect.devices.simulate import Simulation, simulated
from sensor_platform.collect.status import read_status
from sensor_platform.demo.tally import Sent, Tally, take_tally
from sensor_platform.errors import CheckFailed, Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.landing.lock import lander_of
from sensor_platform.landing.open_lander import open_lander
from sensor_platform.settings import broker_from, environ_with
from sensor_platform.site import Site, load_site
from sensor_platform.warehouse.build import build

_VICTIMS = ("collector", "lander", "both")
_QUIET_SECONDS = 1.5
_SETTLE_SECONDS = 60.0
_FAREWELL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried."""

    devices: Simulation
    faults: Faults
    kills: int
    qos: int = 1


@dataclass
class Victims:
    """Collector and lander, killed and started again."""

    home: Home
    environ: dict[str, str]
    killed: Counter[str] = field(default_factory=Counter)
    """What was killed, by name, how often."""
    _starts: int = 0
    _process: ChildProcess | None = None

    def start(self) -> None:
        """Start a collector, which starts its lander; does not wait until it collects."""
        self._starts += 1
        argv = [sys.executable, "-c", "from sensor_platform.cli.main import main; main()", "collect"]
        log = self.home.root / "logs" / f"collect-{self._starts}.log"
        self._process = ChildProcess(Command("the collector", argv, log, self.environ, self.home.root))

    def kill(self, victim: str) -> None:
        """`kill -9`; a collector is started again at once, a lander by its collector."""
        lander = lander_of(self.home) if victim in ("lander", "both") else None
        if lander is not None:
            with contextlib.suppress(ProcessLookupError):  # it had just ended by itself
                os.kill(lander, signal.SIGKILL)
            self.killed["lander"] += 1
        if victim in ("collector", "both"):
            self._running().kill()
            self.killed["collector"] += 1
            self.start()

    def settle(self) -> None:
        """Until the collector is connected and nothing more has come for a while.

        Raises:
            Unreachable: it has ended, or is not connected in time.
        """
        end, seen, since = time.monotonic() + _SETTLE_SECONDS, -1, time.monotonic()
        while time.monotonic() - since < _QUIET_SECONDS or seen < 0:
            self._running().require_running()
            if time.monotonic() > end and seen < 0:
                raise Unreachable("the collector does not connect", f"see {self._running().command.log}")
            status = read_status(self.home.wal, "collector")
            is_ours = status is not None and status.pid == self._running().pid and status.state == "connected"
            count = status.counters.messages if status and is_ours else -1
            if count != seen:
                seen, since = count, time.monotonic()
            time.sleep(0.1)

    def stop(self) -> None:
        """In order: what was read is landed."""
        if self._process is not None:
            self._process.stop(_FAREWELL_SECONDS)

    def _running(self) -> ChildProcess:
        assert self._process is not None
        return self._process


@contextlib.contextmanager
def new_folder(keep: Path | None) -> Iterator[Path]:
    """`keep`, which must be new or empty, or a temporary folder.

    Raises:
        WrongUse: there is something in it.
    """
    if keep is None:
        with TemporaryDirectory(prefix="sensor-platform-chaos-") as name:
            yield Path(name)
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise WrongUse(f"{keep} is not empty", "name a new folder with --keep")
    yield keep.resolve()


def run_trial(trial: Trial, root: Path, say: Callable[[str], None]) -> Tally:
    """Publish, kill, wait, stop, build the table, and compare it with what was sent.

    Args:
        trial: what is tried.
        root: an empty folder for the data.
        say: called with a line of progress.

    Raises:
        WrongUse: mosquitto is not installed.
        Unreachable: broker or collector cannot be started.
        CheckFailed: the broker did not take everything, or the table could not be built.
    """
    if shutil.which("mosquitto") is None:
        raise WrongUse(
            "mosquitto is not on PATH, and the embedded broker keeps nothing for a collector that is gone",
            "install it: apt install mosquitto, or brew install mosquitto",
        )
    home = Home(root / "home")
    home.root.mkdir(parents=True)
    with local_broker(root / "broker", free_port(), "mosquitto") as broker:
        say(f"broker: {broker.url}, {broker.note}")
        site = _site(trial, root / "site", broker)
        victims = Victims(home, _environ(home, root / "site", broker))
        victims.start()
        try:
            victims.settle()
            sent = _publish_and_kill(trial, victims, broker, say)
            victims.settle()
        finally:
            victims.stop()
    say("counting")
    _land_rest(home, site)
    report = build(home, site)
    if report.failed:
        raise CheckFailed(f"the table could not be built: {report.failed[0]}", f"see {home.root}")
    return take_tally(home, sent, victims.killed)


def _site(trial: Trial, folder: Path, broker: LocalBroker) -> Site:
    """A site that seals often, so that every file of the flow is being written when something is killed."""
    folder.mkdir(parents=True)
    start = (datetime.now(UTC) - timedelta(days=1)).date()
    (folder / "site.yaml").write_text(
        f"start: {start}\ncollect:\n  protocol: '{broker.protocol}'\n  seal_seconds: 1.0\n"
        f"  subscriptions:\n    - topic: sensors/#\n      qos: {trial.qos}\n",
        "utf-8",
    )
    return load_site(folder)


def _environ(home: Home, site: Path, broker: LocalBroker) -> dict[str, str]:
    return environ_with(
        {
            "SENSOR_PLATFORM_HOME": str(home.root),
            "SENSOR_PLATFORM_SITE": str(site),
            "SENSOR_PLATFORM_BROKER_URL": broker.url,
            "PYTHONUNBUFFERED": "1",
        }
    )


def _publish_and_kill(trial: Trial, victims: Victims, broker: LocalBroker, say: Callable[[str], None]) -> Sent:
    sent = Sent()
    happened: Counter[str] = Counter()
    messages = sent.noted(disturbed(simulated(trial.devices, lambda: datetime.now(UTC)), trial.faults, happened))
    is_over = threading.Event()
    # in a thread: the stream of messages must not pause for the kill
    killer = threading.Thread(target=_kill, args=(trial, victims, is_over, say))
    with Publisher(broker_from(broker.url), PublisherOptions(qos=trial.qos, window=10_000)) as publisher:
        killer.start()
        try:
            send_on_schedule(messages, publisher)
            is_complete = publisher.drain()
        finally:
            is_over.set()
            killer.join()
    if not is_complete:
        raise CheckFailed("the broker did not acknowledge every message", "try a lower --rate")
    return sent


def _kill(trial: Trial, victims: Victims, is_over: threading.Event, say: Callable[[str], None]) -> None:
    dice = random.Random(trial.devices.seed)  # noqa: S311 - accidents, not secrets
    moments = sorted(dice.uniform(0.0, trial.devices.seconds) for _ in range(trial.kills))
    started = time.monotonic()
    for moment in moments:
        if is_over.wait(max(0.0, moment - (time.monotonic() - started))):
            return
        victim = dice.choice(_VICTIMS)
        say(f"{time.monotonic() - started:5.1f} s: kill -9 {victim if victim != 'both' else 'collector and lander'}")
        victims.kill(victim)


def _land_rest(home: Home, site: Site) -> None:
    """What a lander that was killed at the very end left behind."""
    with open_lander(home, site.contracts, site.landing, site.start, site.slot_minutes) as lander:
        for _ in lander.land_sealed():
            pass
