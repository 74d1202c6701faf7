"""`collect`: the collector with its lander, until stopped."""

import logging
import os
import signal
import socket
import sys
import time
from types import FrameType

import click

from sensor_platform.collect.collector import Collector, CollectorSetup
from sensor_platform.collect.collector_lock import collector_lock
from sensor_platform.collect.lander_process import LanderProcess
from sensor_platform.collect.mqtt.selftest import why_no_bulk_reading
from sensor_platform.home import Home
from sensor_platform.settings import Settings, load_settings
from sensor_platform.wal import check_collector

log = logging.getLogger("sensor_platform.collect")
_LAND = (sys.executable, "-c", "from sensor_platform.cli.main import main; main()", "land", "--follow")
_DRAIN_SECONDS = 120.0


@click.command(
    epilog="\b\nExample:\n  export SENSOR_PLATFORM_BROKER_URL=mqtt://user:pw@broker:1883\n  sensor-platform collect"
)
@click.option("--land/--no-land", "with_lander", default=True, help="Start the lander as a child (default) or not.")
def collect(with_lander: bool) -> None:
    """Collect from the broker (or from Kafka, where collect.kafka names topics) and land, until stopped.

    Every message is fsynced before it is acknowledged. Prints one line, `ready`, when it is subscribed; logs go to
    stderr. SIGTERM and SIGINT stop it in order: what was read is committed, sealed and landed. Only a wrong
    configuration ends it otherwise.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    settings = load_settings()
    config = settings.site.collect
    check_collector(config.collector)
    who = f"{config.collector}, process {os.getpid()} on {socket.gethostname()}"
    with collector_lock(settings.home.wal, who):
        run = _run_kafka if config.kafka.topics else _run
        run(settings, LanderProcess(_LAND, time.monotonic) if with_lander else None)


def _run(settings: Settings, lander: LanderProcess | None) -> None:
    reason = why_no_bulk_reading()
    if reason:
        log.warning("slow path: the installed paho-mqtt does not allow reading in bulk (%s); QoS 1 at most", reason)
    wake_read, wake_write = socket.socketpair()
    wake_write.setblocking(False)  # noqa: FBT003 - the socket's own signature
    collector = Collector(
        CollectorSetup(
            config=settings.site.collect,
            broker=settings.broker,
            home=settings.home,
            use_bulk_lane=reason is None,
            announce=lambda: print("ready", flush=True),  # noqa: T201 - the contract with whoever started us
            wake_fd=wake_read.fileno(),
            lander=lander,
        )
    )
    _on_signals(collector, wake_write)
    try:
        collector.run()
    finally:
        if lander:
            _land_the_rest(settings.home, lander)


def _run_kafka(settings: Settings, lander: LanderProcess | None) -> None:
    from sensor_platform.collect.kafka.kafka_collector import KafkaCollector, KafkaSetup

    def announce() -> None:
        print("ready", flush=True)  # noqa: T201 - the contract with whoever started us

    collector = KafkaCollector(KafkaSetup(settings.site.collect, settings.home, announce, lander, settings.kafka_login))

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        collector.stop()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        collector.run()
    finally:
        if lander:
            _land_the_rest(settings.home, lander)


def _on_signals(collector: Collector, wake: socket.socket) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        collector.stop()
        signal.signal(number, signal.SIG_DFL)  # the second one ends us at once; the segments stay for the next start

    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _land_the_rest(home: Home, lander: LanderProcess) -> None:
    """Wait until every sealed segment is landed, then let the lander go."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    while any(home.wal.glob("*.wal")) and time.monotonic() < deadline:
        lander.tend()
        time.sleep(0.1)
    lander.stop()
    left = len(list(home.wal.glob("*.wal")))
    if left:
        log.warning("%d segments are not landed yet; the next start lands them first", left)
