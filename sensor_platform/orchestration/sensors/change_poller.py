"""Waits cheaply for a change: a commit in the ledger, or the end of a run."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import connect_to_read

if TYPE_CHECKING:
    import sqlite3

_LEDGER_SECONDS = 0.1
_RUNS_SECONDS = 0.5
_ENDED = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


class ChangePoller:
    """Polls the ledger and the run storage while a sensor waits. Use it as a context manager."""

    def __init__(self, home: Home, instance: DagsterInstance) -> None:
        self._home = home
        self._instance = instance
        self._connection: sqlite3.Connection | None = None
        self._version = self._ledger_version()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def wait(self, run_ids: Sequence[str], seconds: float, stop: Callable[[], bool] = lambda: False) -> bool:
        """True as soon as the ledger was written or one of the runs has ended; False after `seconds`, or at `stop`."""
        end = time.monotonic() + seconds
        runs_at = time.monotonic() + _RUNS_SECONDS
        while time.monotonic() < end:
            time.sleep(_LEDGER_SECONDS)
            version = self._ledger_version()
            if version != self._version:
                self._version = version
                return True
            if stop():
                return False
            if run_ids and time.monotonic() >= runs_at:
                if self._instance.get_runs_count(RunsFilter(run_ids=run_ids, statuses=_ENDED)):
                    return True
                runs_at = time.monotonic() + _RUNS_SECONDS
        return False

    def _ledger_version(self) -> int:
        """SQLite's own counter of commits by other connections; -1 without a ledger."""
        if self._connection is None:
            if not self._home.ledger_file.exists():
                return -1
            self._connection = connect_to_read(self._home.ledger_file)
        return int(self._connection.execute("pragma data_version").fetchone()[0])
