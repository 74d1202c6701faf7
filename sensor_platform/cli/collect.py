"""`sensor-platform collect`: run the collector and its lander."""

import logging
import os
import signal
import socket
import sys
import time
from types import FrameType

import click

from sensor_platform.collect.child_process import ChildCommand, SupervisedChild
from sensor_platform.collect.collector import Collector, CollectorSetup
from sensor_platform.collect.collector_lock import collector_lock
from sensor_platform.collect.mqtt.client_id import new_client_id
from sensor_platform.collect.source import choose_source
from sensor_platform.home import Home
from sensor_platform.reload.site_watch import SiteWatch
from sensor_platform.wal import check_collector

log = logging.getLogger("sensor_platform.collect")
_LAND = (sys.executable, "-c", "from sensor_platform.cli.main import main; main()", "land", "--follow")
_DRAIN_SECONDS = 120.0


@click.command(
    epilog="\b\nExample:\n  export SENSOR_PLATFORM_BROKER_URL=mqtt://user:pw@broker:1883\n  sensor-platform collect"
)
@click.option("--land/--no-land", "with_lander", default=True, help="Start the lander as a child (default) or not.")
@click.option(
    "--new-client-id",
    "is_copy",
    is_flag=True,
    help="First take a new MQTT client id, for a copy of a data folder: two collectors cannot share one.",
)
def collect(with_lander: bool, is_copy: bool) -> None:
    """Collect from the broker (or from Kafka, where collect.kafka names topics) and land, until stopped.

    Every message is fsynced before it is acknowledged. Prints one line, `ready`, when it is subscribed; logs go to
    stderr. On SIGTERM or SIGINT, received messages are committed, sealed and landed before it ends. Only a
    wrong configuration ends it otherwise.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    watch = SiteWatch("collector")
    settings = watch.settings
    config = settings.site.collect
    check_collector(config.collector)
    lander = SupervisedChild(ChildCommand("the lander", _LAND, ends_with_input=True)) if with_lander else None
    wake_read, wake_write = socket.socketpair()
    wake_write.setblocking(False)  # noqa: FBT003 - the socket's own signature
    with (
        wake_read,
        wake_write,
        collector_lock(settings.home.wal, f"{config.collector}, process {os.getpid()} on {socket.gethostname()}"),
    ):
        if is_copy:
            log.info("the MQTT client id is now %s", new_client_id(settings.home.wal, config.collector))
        setup = CollectorSetup(
            config=config,
            home=settings.home,
            announce=lambda: print("ready", flush=True),  # noqa: T201 - the contract with whoever started us
            broker=settings.broker,
            logins=settings.logins,
            wake_fd=wake_read.fileno(),
            lander=lander,
            reloading=watch.following(lambda settings: settings.site.collect),
        )
        collector = Collector(setup, choose_source(config))
        _on_signals(collector, wake_write)
        try:
            collector.run()
        finally:
            if lander:
                _land_the_rest(settings.home, lander)
            watch.end()
            signal.set_wakeup_fd(-1)


def _on_signals(collector: Collector, wake: socket.socket) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        collector.stop()
        signal.signal(number, signal.SIG_DFL)  # the second one ends us at once; the segments stay for the next start

    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _land_the_rest(home: Home, lander: SupervisedChild) -> None:
    """Wait until every sealed segment is landed, then stop the lander."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    while any(home.wal.glob("*.wal")) and time.monotonic() < deadline:
        lander.tend()
        time.sleep(0.1)
    lander.stop()
    left = len(list(home.wal.glob("*.wal")))
    if left:
        log.warning("%d segments are not landed yet; the next start lands them first", left)
