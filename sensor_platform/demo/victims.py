"""Collector and lander of a trial: killed at any moment, started again, and stopped in order at the end."""

import contextlib
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from sensor_platform.collect.child_process import ChildCommand, ChildProcess
from sensor_platform.collect.collector_status import read_status
from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.landing.lander_lock import lander_of

_QUIET_SECONDS = 1.5
_SETTLE_SECONDS = 60.0
_FAREWELL_SECONDS = 60.0


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
        self._process = ChildProcess(ChildCommand("the collector", argv, log, self.environ, self.home.root))

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
        """Stop collector and lander in order, so that all received messages are landed."""
        if self._process is not None:
            self._process.stop(_FAREWELL_SECONDS)

    def _running(self) -> ChildProcess:
        assert self._process is not None
        return self._process
