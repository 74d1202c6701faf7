"""The processes of a demo: broker, collector, Dagster. Started, watched and stopped together."""

import contextlib
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from sensor_platform.collect.brokers.local import BrokerKind, LocalBroker, free_port, local_broker
from sensor_platform.collect.child_process import ChildCommand, ChildProcess
from sensor_platform.demo.demo_home import REPOSITORY, TAG, tag
from sensor_platform.demo.stragglers import stop_tagged, tagged
from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.settings import environ_with

_COLLECTOR_SECONDS = 60.0
_BROKER_PORT = 1883
_UI_PORT = 3000
_LIVE_PORT = 8420


@dataclass(frozen=True, slots=True)
class Stack:
    """Running processes and their URLs."""

    broker: LocalBroker
    collector: ChildProcess
    dagster: ChildProcess
    ui: str
    """URL of Dagster's web page."""
    live: ChildProcess
    page: str
    """URL of the live page."""

    def require_running(self) -> None:
        """Raise Unreachable, with the end of its log, if a process has ended."""
        for process in (self.broker.process, self.collector, self.dagster, self.live):
            process.require_running()


@contextlib.contextmanager
def broker_of(home: Home, kind: BrokerKind = "auto") -> Iterator[LocalBroker]:
    """Start the demo's broker, at the default port if that is free."""
    (home.root / "tmp").mkdir()
    with local_broker(home.root / "broker", free_port(_BROKER_PORT), kind, environ=_environ(home)) as broker:
        yield broker


@contextlib.contextmanager
def stack_of(home: Home, site: Path, broker: LocalBroker) -> Iterator[Stack]:
    """Collector and Dagster on `home`; when the context ends, none of their processes is left, nor a temporary file."""
    (home.root / "tmp").mkdir(exist_ok=True)
    home.dagster.mkdir()
    shutil.copy(REPOSITORY / "dagster.yaml", home.dagster)
    environ = _environ(home, SENSOR_PLATFORM_SITE=str(site), SENSOR_PLATFORM_BROKER_URL=broker.url)
    # Another demo may have chosen the usual port and not be listening yet.
    is_alone = set(tagged(f"{TAG}=")) <= set(tagged(tag(home.root)))
    port = free_port(_UI_PORT if is_alone else None)
    with contextlib.ExitStack() as started:
        started.callback(shutil.rmtree, home.root / "tmp", ignore_errors=True)
        started.callback(stop_tagged, tag(home.root))
        # The slowest first: Dagster needs about ten seconds until its first look at the ledger.
        dagster = started.enter_context(ChildProcess(_dagster(home, environ, port)))
        collector = started.enter_context(ChildProcess(_collector(home, environ)))
        ui, live_port = f"http://127.0.0.1:{port}", free_port(_LIVE_PORT if is_alone else None)
        live = started.enter_context(ChildProcess(_live(home, environ, live_port, ui)))
        stack = Stack(broker, collector, dagster, ui, live, f"http://127.0.0.1:{live_port}")
        _wait_until_ready(stack)
        yield stack


def _environ(home: Home, **more: str) -> dict[str, str]:
    own = {TAG: str(home.root), "SENSOR_PLATFORM_HOME": str(home.root), "DAGSTER_HOME": str(home.dagster)}
    return environ_with(own | {"TMPDIR": str(home.root / "tmp"), "PYTHONUNBUFFERED": "1"} | more)


def _collector(home: Home, environ: dict[str, str]) -> ChildCommand:
    argv = [sys.executable, "-c", "from sensor_platform.cli.main import main; main()", "collect"]
    return ChildCommand("the collector", argv, home.root / "logs" / "collect.log", environ, home.root)


def _live(home: Home, environ: dict[str, str], port: int, ui: str) -> ChildCommand:
    # It follows history as it is replayed; the pipeline goes first.
    nice = ["nice", "-n", "15"] if shutil.which("nice") else []
    argv = [*nice, sys.executable, "-c", "from sensor_platform.cli.main import main; main()", "live"]
    argv += ["--port", str(port), "--dagster-url", ui]
    return ChildCommand("the live page", argv, home.root / "logs" / "live.log", environ, home.root)


def _dagster(home: Home, environ: dict[str, str], port: int) -> ChildCommand:
    argv = [sys.executable, "-m", "dagster", "dev", "--workspace", str(REPOSITORY / "workspace.yaml")]
    argv += ["--host", "127.0.0.1", "--port", str(port)]
    return ChildCommand("Dagster", argv, home.root / "logs" / "dagster.log", environ, home.dagster)


def _wait_until_ready(stack: Stack) -> None:
    end = time.monotonic() + _COLLECTOR_SECONDS
    log = stack.collector.command.log
    assert log is not None
    while "ready" not in log.read_text("utf-8", "replace").split():
        stack.require_running()
        if time.monotonic() > end:
            raise Unreachable(
                f"the collector is not subscribed after {_COLLECTOR_SECONDS:.0f} s",
                f"see {stack.collector.command.log}",
            )
        time.sleep(0.05)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """SIGTERM ends the demo like Ctrl-C; neither can interrupt the clean-up afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
