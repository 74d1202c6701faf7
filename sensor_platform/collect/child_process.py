"""A child process in a process group of its own: started with its output in a log, and gone for sure afterwards."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sensor_platform.errors import Unreachable

_TAIL_BYTES = 4000


@dataclass(frozen=True, slots=True)
class ChildCommand:
    """What to start."""

    name: str
    argv: Sequence[str]
    log: Path
    """Standard output and error, both."""
    environ: Mapping[str, str] | None = None
    folder: Path | None = None
    """Working directory."""


class ChildProcess:
    """One running command. Leaving the context stops the whole process group."""

    def __init__(self, command: ChildCommand) -> None:
        self.command = command
        command.log.parent.mkdir(parents=True, exist_ok=True)
        with command.log.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    list(command.argv),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(command.environ) if command.environ is not None else None,
                    cwd=command.folder,
                    start_new_session=True,
                )
            except OSError as error:
                raise Unreachable(f"cannot start {command.name}: {error}", "is it installed?") from error

    @property
    def pid(self) -> int:
        """Process id, and id of the process group."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the first process of the group lives."""
        return self._process.poll() is None

    def tail(self, lines: int = 15) -> str:
        """The end of its log."""
        with self.command.log.open("rb") as log:
            log.seek(max(0, self.command.log.stat().st_size - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def require_running(self) -> None:
        """Raise Unreachable, with the end of its log, when it has ended."""
        if not self.is_running:
            raise Unreachable(
                f"{self.command.name} ended with code {self._process.returncode}; the end of its log:\n{self.tail()}",
                f"the whole log is {self.command.log}",
            )

    def kill(self) -> None:
        """SIGKILL to the group; returns when all of it is gone."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        while self._group_lives():
            time.sleep(0.02)

    def stop(self, patience_seconds: float = 10.0) -> None:
        """SIGTERM to the group, SIGKILL to what is left after `patience_seconds`; returns when all of it is gone."""
        self._signal(signal.SIGTERM)
        end = time.monotonic() + patience_seconds
        while self._group_lives() and time.monotonic() < end:
            time.sleep(0.02)
        self.kill()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _group_lives(self) -> bool:
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
