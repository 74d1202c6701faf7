"""The lander as a child process: started again when it dies, and given the time to land everything at the end."""

import contextlib
import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

from sensor_platform.kernel.backoff import Backoff

log = logging.getLogger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_STEADY_SECONDS = 60.0
_FAREWELL_SECONDS = 15.0


class LanderProcess:
    """A supervised `land --follow`. It ends when its standard input closes, so it cannot outlive us for long."""

    def __init__(self, argv: Sequence[str], clock: Callable[[], float]) -> None:
        self._argv = list(argv)
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._next_start = 0.0
        self._backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self.starts = 0

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def tend(self) -> None:
        """Start it if it is not running and its pause is over."""
        if self.is_running:
            return
        now = self._clock()
        if self._process is not None:
            self._note_end(self._process.returncode, now)
        if now >= self._next_start:
            self._start(now)

    def _note_end(self, code: int, now: float) -> None:
        self._forget()
        if now - self._started_at > _STEADY_SECONDS:
            self._backoff.reset()
        pause = self._backoff.next()
        self._next_start = now + pause
        log.warning("the lander ended with code %d; starting it again in %.1f s", code, pause)

    def _start(self, now: float) -> None:
        # A session of its own: Ctrl-C is for us, the lander stops when everything has been handed to it. Its standard
        # output joins our log, for ours carries the line `ready` only.
        self._process = subprocess.Popen(
            self._argv, stdin=subprocess.PIPE, stdout=sys.stderr.fileno(), start_new_session=True
        )
        self._started_at = now
        self.starts += 1

    def stop(self) -> None:
        """Close its standard input, then ask, then insist."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                log.warning("the lander does not stop; sending %s", number.name)
                self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_FAREWELL_SECONDS)
                break
        self._forget()

    def _forget(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None
