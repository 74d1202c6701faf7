"""`sensor-platform land`: land the sealed segments of a home."""

import contextlib
import os
import select
import signal
import stat
import sys
from typing import TYPE_CHECKING

import click

from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home

if TYPE_CHECKING:
    from sensor_platform.landing.service import DecodeSettings
    from sensor_platform.reload.site_watch import SiteWatch
    from sensor_platform.settings import Settings

POLL_SECONDS = 0.1


@click.command(
    epilog="\b\nExample:\n  SENSOR_PLATFORM_HOME=./data sensor-platform land\n  sensor-platform land --follow",
)
@click.option("--follow", is_flag=True, help="Keep landing until SIGTERM, SIGINT or the end of a piped standard input.")
@click.option("--rebuild-ledger", is_flag=True, help="Rebuild the ledger from its manifests first.")
def land(follow: bool, rebuild_ledger: bool) -> None:
    """Land the sealed segments of a home: typed Parquet, quarantine, raw archive and ledger.

    The collector starts this itself. Run it by hand if no collector is running: segments that a killed collector left
    open are sealed first.
    """
    stop = _StopRequest()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.set)
    from sensor_platform.landing.open_lander import open_lander
    from sensor_platform.landing.service import LanderService
    from sensor_platform.settings import load_settings

    watch = _watch() if follow else None
    settings = watch.settings if watch else load_settings()
    site = settings.site
    if rebuild_ledger:
        _rebuild(settings.home, site.warehouse.lock_wait_seconds)
    with open_lander(settings.home, site.contracts, site.landing, site.start, site.slot_minutes) as lander:
        reloading = watch.following(_decode_settings) if watch else None
        service = LanderService(lander, os.getpid(), _say, reloading)
        service.start()
        try:
            if follow:
                service.follow(stop.wait, POLL_SECONDS)
            else:
                seal_abandoned(settings.home)
                service.land_all()
        except OSError as error:
            raise Unreachable(f"cannot land now: {error}", "check disk space and rights; nothing is lost") from error
        finally:
            service.stop()
            if watch:
                watch.end()
    status = service.status
    if not follow:
        click.echo(
            f"{status.segments} segments, {status.messages} messages, {status.readings} readings,"
            f" {status.quarantined} messages quarantined"
        )


def _watch() -> "SiteWatch":
    """The site as a lander follows it that the collector starts: it goes on with the grid of the home."""
    import logging

    from sensor_platform.reload.site_watch import SiteWatch

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s lander: %(message)s")
    return SiteWatch("lander", keeps_grid=True)


def _decode_settings(settings: "Settings") -> "DecodeSettings":
    from sensor_platform.landing.open_lander import limits_of

    return settings.site.contracts, limits_of(settings.site.landing, settings.site.start)


def seal_abandoned(home: Home) -> None:
    """Seal segments that a killed collector or live process left open. Running ones seal their own."""
    from sensor_platform.collect.collector_lock import collector_lock
    from sensor_platform.kernel.locks import LockFile, LockHeld
    from sensor_platform.wal import recover_segments

    with contextlib.suppress(WrongUse), collector_lock(home.wal, f"land, process {os.getpid()}"):
        recover_segments(home.wal)
    for path in home.ingest.glob("*.lock"):  # of live processes that took messages over HTTP
        with contextlib.suppress(LockHeld), LockFile(path) as lock:
            lock.take()
            recover_segments(home.ingest, home.wal, path.stem)


def _rebuild(home: Home, wait_seconds: float) -> None:
    from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
    from sensor_platform.landing.lander_lock import changes_lock, lander_lock

    with lander_lock(home), changes_lock(home, "rebuild of the ledger", wait_seconds=wait_seconds):
        rebuilt = rebuild_ledger(home)
    _say(f"ledger rebuilt from {rebuilt.segments} segments and {rebuilt.compactions} compactions")
    for file in rebuilt.missing:
        _say(f"missing: {file}")


class _StopRequest:
    """Stops at SIGTERM, SIGINT or the end of a piped standard input. A closed input, as under init, is ignored."""

    def __init__(self) -> None:
        self._is_set = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._input = 0 if _is_pipe(0) else -1

    def set(self, *_: object) -> None:
        self._is_set = True
        os.write(self._write, b"x")

    def wait(self, seconds: float) -> bool:
        """Wait for at most `seconds`; True if the process must stop."""
        watched = [fd for fd in (self._read, self._input) if fd >= 0]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._input in ready and not os.read(self._input, 4096):
            self._is_set = True
        return self._is_set


def _is_pipe(fd: int) -> bool:
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _say(line: str) -> None:
    click.echo(f"lander: {line}", err=True)
