"""Reports runs whose process was killed (power cut, kill -9) as failed, so that their lane is free again."""

from datetime import datetime, timedelta

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from sensor_platform.home import Home
from sensor_platform.orchestration.launcher.liveness_lock import is_alive

GRACE = timedelta(seconds=60)
"""A run counts as started before it has its lock."""


def report_dead_runs(instance: DagsterInstance, home: Home, now: datetime) -> list[str]:
    """Report started runs whose process is gone as failed; returns their ids."""
    dead = []
    for record in instance.get_run_records(RunsFilter(statuses=[DagsterRunStatus.STARTED])):
        run = record.dagster_run
        started = record.start_time or record.create_timestamp.timestamp()
        if now.timestamp() - started > GRACE.total_seconds() and not is_alive(home, run.run_id):
            instance.report_run_failed(run, "The process of this run is gone; what it left undone stays dirty.")
            dead.append(run.run_id)
    return dead
