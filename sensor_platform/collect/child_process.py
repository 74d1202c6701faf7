"""Child processes, each in a process group of its own: stopped with all that they started, or supervised."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sensor_platform.errors import Unreachable
from sensor_platform.kernel.backoff import Backoff

log = logging.getLogger(__name__)
_TAIL_BYTES = 4000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_STEADY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ChildCommand:
    """A command to start."""

    name: str
    """For messages, for instance `the lander`."""
    argv: Sequence[str]
    log: Path | None = None
    """File for standard output and error. None: both go to our standard error."""
    environ: Mapping[str, str] | None = None
    folder: Path | None = None
    """Working directory."""
    ends_with_input: bool = False
    """It ends in order when its standard input is closed, so it also ends soon after we are killed."""


class ChildProcess:
    """One running command. Leaving the context stops the whole process group."""

    def __init__(self, command: ChildCommand) -> None:
        """Start it.

        Raises:
            Unreachable: it cannot be started.
        """
        self.command = command
        with contextlib.ExitStack() as files:
            if command.log is None:
                output = sys.stderr.fileno()
            else:
                command.log.parent.mkdir(parents=True, exist_ok=True)
                output = files.enter_context(command.log.open("wb")).fileno()
            try:
                self._process = subprocess.Popen(
                    list(command.argv),
                    stdin=subprocess.PIPE if command.ends_with_input else subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=dict(command.environ) if command.environ is not None else None,
                    cwd=command.folder,
                    start_new_session=True,  # Ctrl-C in the terminal reaches only us
                )
            except OSError as error:
                raise Unreachable(f"cannot start {command.name}: {error}", "is it installed?") from error

    @property
    def pid(self) -> int:
        """Process id, and id of the process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code of the first process of the group; None while it runs."""
        return self._process.poll()

    @property
    def is_running(self) -> bool:
        """Whether the first process of the group runs."""
        return self.exit_code is None

    def tail(self, lines: int = 15) -> str:
        """The end of its log; empty without a log."""
        if self.command.log is None:
            return ""
        with self.command.log.open("rb") as file:
            file.seek(max(0, self.command.log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def require_running(self) -> None:
        """Check that it runs.

        Raises:
            Unreachable: it has ended; the message contains the end of its log.
        """
        if not self.is_running:
            raise Unreachable(
                f"{self.command.name} ended with code {self.exit_code}; the end of its log:\n{self.tail()}",
                f"the whole log is {self.command.log}",
            )

    def kill(self) -> None:
        """Send SIGKILL to the group; returns when all of its processes have ended."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        while self._group_runs():
            time.sleep(0.02)
        self._close_input()

    def stop(self, patience_seconds: float = 10.0) -> None:
        """Close its input if it ends with it, then send SIGTERM, then SIGKILL, each after `patience_seconds`.

        Returns when all processes of the group have ended.
        """
        if self.command.ends_with_input:
            self._close_input()
            if not self._ends_within(patience_seconds):
                log.warning("%s does not stop; sending SIGTERM", self.command.name)
        self._signal(signal.SIGTERM)
        self._ends_within(patience_seconds)
        self.kill()

    def _close_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _ends_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self._group_runs():
            if time.monotonic() >= end:
                return False
            time.sleep(0.02)
        return True

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _group_runs(self) -> bool:
        self._process.poll()  # reaps the leader, which would otherwise count as a member
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class SupervisedChild:
    """A command that is started again whenever it ends, after pauses that grow while it ends soon."""

    def __init__(self, command: ChildCommand, clock: Callable[[], float] = time.monotonic) -> None:
        """Not started yet.

        Args:
            command: what to start.
            clock: monotonic seconds.
        """
        self._command = command
        self._clock = clock
        self._process: ChildProcess | None = None
        self._started_at = self._next_start = 0.0
        self._backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        self.starts = 0

    @property
    def is_running(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.is_running

    def tend(self) -> None:
        """Start it if it is not running and its pause is over; call it regularly."""
        if self.is_running:
            return
        now = self._clock()
        if self._process is not None:
            ended, self._process = self._process, None
            if now - self._started_at > _STEADY_SECONDS:
                self._backoff.reset()
            self._pause(now, f"{self._command.name} ended with code {ended.exit_code}")
            ended.kill()  # what it started and left behind
        if now >= self._next_start:
            self._start(now)

    def stop(self, patience_seconds: float = 15.0) -> None:
        """Stop it in order; see `ChildProcess.stop`."""
        process, self._process = self._process, None
        if process is not None:
            process.stop(patience_seconds)

    def _start(self, now: float) -> None:
        try:
            self._process = ChildProcess(self._command)
        except Unreachable as error:  # no memory for a new process, for instance
            self._pause(now, error.message)
            return
        self._started_at = now
        self.starts += 1

    def _pause(self, now: float, reason: str) -> None:
        pause = self._backoff.next()
        self._next_start = now + pause
        log.warning("%s; starting it again in %.1f s", reason, pause)
