"""`dagster dev` for tests: code server, daemon and web server as processes."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from sensor_platform.collect.brokers.local import free_port
from sensor_platform.home import Home
from sensor_platform.orchestration.storage.instance import prepare

REPOSITORY = Path(__file__).parents[2]


def environ(home: Home) -> dict[str, str]:
    """Of processes that share the home, and Dagster's instance in it."""
    own = {key: value for key, value in os.environ.items() if key != "SENSOR_PLATFORM_SITE"}
    return own | {"SENSOR_PLATFORM_HOME": str(home.root), "DAGSTER_HOME": str(prepare(home))}


class Daemon:
    """`dagster dev`: code server, daemon and web server, in a session of their own."""

    def __init__(self, home: Home, more: Mapping[str, str]) -> None:
        argv = [sys.executable, "-m", "dagster", "dev", "--workspace", str(REPOSITORY / "workspace.yaml")]
        self._log = (home.root / "dagster.log").open("ab")
        self._process = subprocess.Popen(
            [*argv, "--host", "127.0.0.1", "--port", str(free_port())],
            env=environ(home) | dict(more),
            stdout=self._log,
            stderr=self._log,
            cwd=home.dagster,
            start_new_session=True,
        )

    def end(self, how: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, how)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(60)
        self._log.close()


@contextlib.contextmanager
def running(
    home: Home, how: signal.Signals = signal.SIGINT, more: Mapping[str, str] = MappingProxyType({})
) -> Iterator[None]:
    """A daemon; `more` are further variables of its environment."""
    daemon = Daemon(home, more)
    try:
        yield
    finally:
        daemon.end(how)
