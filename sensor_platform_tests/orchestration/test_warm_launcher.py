"""The warm process: runs are forked from it, outlive it, can be interrupted, and are missed when they are killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.launcher import WorkerStatus
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import serialize_value

from sensor_platform.definitions import defs
from sensor_platform.home import Home
from sensor_platform.orchestration.launcher import warm_launcher as module
from sensor_platform.orchestration.launcher.liveness_lock import process_of
from sensor_platform.orchestration.launcher.warm_launcher import WarmProcess, WarmRunLauncher, start_warm
from sensor_platform.orchestration.storage.instance import prepare
from sensor_platform.warehouse.file.writer_lock import writer_lock


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)
    home = Home(tmp_path / "home")
    monkeypatch.setenv("DAGSTER_HOME", str(prepare(home)))
    return home


@pytest.fixture
def instance(home: Home) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        yield instance


@pytest.fixture
def warm(home: Home) -> Iterator[WarmProcess]:
    found = start_warm()
    yield found
    found.process.kill()
    found.process.wait()
    found.close()


def ask(warm: WarmProcess, instance: DagsterInstance) -> str:
    """Have an upkeep run executed; returns its id."""
    job = ReconstructableRepository.for_module("sensor_platform.definitions", "defs").get_reconstructable_job("upkeep")
    run = instance.create_run_for_job(
        defs.resolve_job_def("upkeep"), status=DagsterRunStatus.STARTING, job_code_origin=job.get_python_origin()
    )
    arguments = ExecuteRunArgs(job.get_python_origin(), run.run_id, instance.get_ref())
    assert warm.start_run(serialize_value(arguments))
    return run.run_id


def until(done: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def status(instance: DagsterInstance, run_id: str) -> DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def is_in_a_step(instance: DagsterInstance, run_id: str) -> bool:
    return bool(instance.get_records_for_run(run_id, of_type=DagsterEventType.STEP_START).records)


def test_runs_are_forked_and_outlive_the_warm_process(home: Home, instance: DagsterInstance, warm: WarmProcess) -> None:
    first = ask(warm, instance)
    until(lambda: status(instance, first) is DagsterRunStatus.SUCCESS)
    with writer_lock(home, "test", wait_seconds=0):  # so that the second run waits inside its step
        second = ask(warm, instance)
        until(lambda: process_of(home, second) is not None)
        assert not warm.is_gone
        assert warm.process.stdin is not None
        warm.process.stdin.close()
        assert warm.process.wait(20) == 0
        assert process_of(home, second) not in (None, warm.process.pid)
    until(lambda: status(instance, second) is DagsterRunStatus.SUCCESS)


def test_a_killed_run_is_missed_and_a_cancelled_one_ends(
    home: Home, instance: DagsterInstance, warm: WarmProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = instance.run_launcher
    assert isinstance(launcher, WarmRunLauncher), "as dagster.yaml says"
    with writer_lock(home, "test", wait_seconds=0):
        cancelled = ask(warm, instance)
        until(lambda: is_in_a_step(instance, cancelled))  # a run that waits for its pool cannot be cancelled
        killed = ask(warm, instance)
        until(lambda: process_of(home, killed) is not None and process_of(home, cancelled) is not None)
        assert health(launcher, instance, killed) is WorkerStatus.RUNNING
        os.kill(process_of(home, killed) or 0, signal.SIGKILL)
        until(lambda: process_of(home, killed) is None)
        assert health(launcher, instance, killed) is WorkerStatus.RUNNING, "it may be starting"
        monkeypatch.setattr(module, "GRACE", datetime.now(UTC) - datetime.now(UTC))
        assert health(launcher, instance, killed) is WorkerStatus.FAILED
        assert launcher.terminate(cancelled)
        until(lambda: status(instance, cancelled) is DagsterRunStatus.CANCELED)
    assert not launcher.terminate(cancelled), "it has ended already"


def health(launcher: WarmRunLauncher, instance: DagsterInstance, run_id: str) -> WorkerStatus:
    run = instance.get_run_by_id(run_id)
    assert isinstance(run, DagsterRun)
    return launcher.check_run_worker_health(run).status


def test_a_warm_process_that_dies_while_it_preloads_starts_no_run(home: Home) -> None:
    dying = start_warm()
    os.kill(dying.process.pid, signal.SIGKILL)
    assert not dying.start_run("{}"), "so that the run starts as Dagster does it"
    dying.process.wait()
    dying.close()
    assert dying.is_gone


def test_nothing_that_starts_threads_is_preloaded(home: Home) -> None:
    script = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "from sensor_platform.orchestration.launcher.warm_process import preload; preload()\n"
        "print(sorted({'polars', 'numpy', 'pyarrow', 'lightgbm', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
