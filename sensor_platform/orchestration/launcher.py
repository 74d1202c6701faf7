"""Starts runs in a warm process (see `warm`), and as Dagster does where there is none. Named in dagster.yaml.

The daemon that launches keeps the warm process. It is renewed when the code location was reloaded, and ends with the
daemon; the runs that it started do not. The imports from Dagster's inside are those that its own launchers live on.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

from dagster import DefaultRunLauncher
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.base import LaunchRunContext
from dagster._core.storage.dagster_run import DagsterRun
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClassData, serialize_value

from sensor_platform.home import Home
from sensor_platform.orchestration.alive import is_alive, process_of
from sensor_platform.orchestration.dead_runs import GRACE
from sensor_platform.settings import load_settings

_INTERRUPTS = 5
_INTERRUPT_SECONDS = 3.0


class WarmRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, with a warm process in front."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._warm: subprocess.Popen[bytes] | None = None
        self._made_for = ""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand the run to the warm process; to Dagster's own way if that is gone."""
        if not self._hand_over(context):
            super().launch_run(context)

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run's process, wherever it was started.

        More than once if need be: Python drops an interrupt that arrives while it runs a finalizer.
        """
        pid = process_of(self._home(), run_id)
        run = self._instance.get_run_by_id(run_id)
        if pid is None or run is None or run.is_finished:
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_run_canceling(run)
        for _ in range(_INTERRUPTS):
            os.kill(pid, signal.SIGINT)
            if self._is_gone(pid, run_id):
                break
        return True

    def _is_gone(self, pid: int, run_id: str) -> bool:
        end = time.monotonic() + _INTERRUPT_SECONDS
        while process_of(self._home(), run_id) == pid:
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring can ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process lives."""
        record = self._instance.get_run_record_by_id(run.run_id)
        started = record.start_time if record else None
        is_young = started is None or datetime.now(UTC).timestamp() - started < GRACE.total_seconds()
        if is_young or is_alive(self._home(), run.run_id):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "its process is gone")

    def dispose(self) -> None:
        """Let the warm process end."""
        self._drop()
        super().dispose()

    def _hand_over(self, context: LaunchRunContext) -> bool:
        run, origin = context.dagster_run, context.job_code_origin
        if origin is None or context.workspace is None or run.remote_job_origin is None:
            return False
        location = run.remote_job_origin.repository_origin.code_location_origin.location_name
        made_for = getattr(context.workspace.get_code_location(location), "server_id", "")
        if self._warm is None or self._warm.poll() is not None or self._made_for != made_for:
            self._drop()
            self._warm, self._made_for = _start(), made_for
        request = serialize_value(ExecuteRunArgs(origin, run.run_id, self._instance.get_ref()))
        assert self._warm.stdin is not None
        try:
            self._warm.stdin.write(request.encode() + b"\n")
            self._warm.stdin.flush()
        except BrokenPipeError:
            return False
        self._run_ids.add(run.run_id)
        return True

    def _drop(self) -> None:
        if self._warm is not None and self._warm.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._warm.stdin.close()
        self._warm = None

    def _home(self) -> Home:
        return load_settings().home


def _start() -> subprocess.Popen[bytes]:
    """A session of its own: Ctrl-C in the daemon's terminal must not reach the runs."""
    command = [sys.executable, "-m", "sensor_platform.orchestration.warm"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
