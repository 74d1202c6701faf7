"""A test of the loss promise on this machine: misbehaving devices, processes killed with SIGKILL, and a tally."""

import contextlib
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sensor_platform.collect.brokers.local import LocalBroker, free_port, local_broker
from sensor_platform.demo.tally import Sent, Tally, take_tally
from sensor_platform.demo.victims import Victims
from sensor_platform.devices.faults import Faults, with_faults
from sensor_platform.devices.pacing import send_on_schedule
from sensor_platform.devices.publisher import Publisher, PublisherOptions
from sensor_platform.devices.simulated import Simulation, simulated
from sensor_platform.errors import CheckFailed, WrongUse
from sensor_platform.home import Home
from sensor_platform.landing.open_lander import open_lander
from sensor_platform.settings import broker_from, environ_with
from sensor_platform.site import Site, load_site
from sensor_platform.warehouse.build import build

_VICTIMS = ("collector", "lander", "both")


@dataclass(frozen=True, slots=True)
class Trial:
    """Options of the test."""

    devices: Simulation
    faults: Faults
    kills: int
    qos: int = 1


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
    """Write a site that seals often, so that kills hit every kind of file while it is written."""
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
    messages = sent.noted(with_faults(simulated(trial.devices, lambda: datetime.now(UTC)), trial.faults, happened))
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
    """Land what a lander that was killed at the end left behind."""
    with open_lander(home, site.contracts, site.landing, site.start, site.slot_minutes) as lander:
        for _ in lander.land_sealed():
            pass
