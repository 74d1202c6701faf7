"""Starts runs in a pre-forked process (see `warm_process`), or like Dagster if that fails. Named in dagster.yaml.

The launching daemon owns the warm process. It is replaced when the code location was reloaded, and ends with the
daemon; the runs that it started go on. The private imports of Dagster are those that its own launchers use.
"""

import contextlib
import os
import select
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
from sensor_platform.orchestration.launcher.liveness_lock import is_alive, process_of
from sensor_platform.orchestration.launcher.warm_process import READY, STARTED
from sensor_platform.orchestration.sensors.dead_runs import GRACE
from sensor_platform.settings import home_of

_INTERRUPTS = 5
_INTERRUPT_SECONDS = 3.0
_ANSWER_SECONDS = 60.0
"""Longest wait for an answer; preloading takes seconds."""


class WarmRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, which tries the warm process first."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._warm: WarmProcess | None = None
        self._made_for = ""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start the run in the warm process, or like Dagster if that has ended."""
        if not self._hand_over(context):
            super().launch_run(context)

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run's process, however it was started.

        Several times if needed: Python drops an interrupt that arrives while it runs a finalizer.
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
        """Run monitoring can use `check_run_worker_health`."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process is alive."""
        record = self._instance.get_run_record_by_id(run.run_id)
        started = record.start_time if record else None
        is_young = started is None or abs(datetime.now(UTC).timestamp() - started) < GRACE.total_seconds()
        if is_young or is_alive(self._home(), run.run_id):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "its process is gone")

    def dispose(self) -> None:
        """End the warm process."""
        self._drop()
        super().dispose()

    def _hand_over(self, context: LaunchRunContext) -> bool:
        run, origin = context.dagster_run, context.job_code_origin
        if origin is None or context.workspace is None or run.remote_job_origin is None:
            return False
        location = run.remote_job_origin.repository_origin.code_location_origin.location_name
        made_for = getattr(context.workspace.get_code_location(location), "server_id", "")
        if self._warm is None or self._warm.is_gone or self._made_for != made_for:
            self._drop()
            self._warm, self._made_for = start_warm(), made_for
        if not self._warm.start_run(serialize_value(ExecuteRunArgs(origin, run.run_id, self._instance.get_ref()))):
            self._drop()
            return False
        self._run_ids.add(run.run_id)
        return True

    def _drop(self) -> None:
        if self._warm is not None:
            self._warm.close()
        self._warm = None

    def _home(self) -> Home:
        return home_of()


class WarmProcess:
    """The daemon's handle of the warm process. A run counts as handed over once the process confirms its start."""

    def __init__(self, process: "subprocess.Popen[bytes]", answers: int) -> None:
        self.process = process
        self._answers = answers
        self._is_ready = False

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended or was closed."""
        return self._answers < 0 or self.process.poll() is not None

    def start_run(self, request: str) -> bool:
        """Start a run; False if the process ends, even while preloading, without having started the run."""
        if not self._is_ready and self._answer() != READY:
            return False
        self._is_ready = True
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(request.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return False
        return self._answer() == STARTED

    def close(self) -> None:
        """End the process; the runs that it has started go on."""
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        if self._answers >= 0:
            os.close(self._answers)
            self._answers = -1

    def _answer(self) -> bytes:
        """Read the next byte; empty if the process has ended or takes too long."""
        ready, _, _ = select.select([self._answers], [], [], _ANSWER_SECONDS)
        return os.read(self._answers, 1) if ready else b""


def start_warm() -> WarmProcess:
    """Start a warm process in its own session, so that Ctrl-C in the daemon's terminal does not reach the runs."""
    answers, theirs = os.pipe()
    try:
        command = [sys.executable, "-m", "sensor_platform.orchestration.launcher.warm_process", str(theirs)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, pass_fds=(theirs,))
    finally:
        os.close(theirs)
    return WarmProcess(process, answers)
