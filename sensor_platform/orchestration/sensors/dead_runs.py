"""Reports runs whose process was killed (power cut, kill -9) as failed, so that their lane is free again."""

from datetime import datetime, timedelta

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from sensor_platform.home import Home
from sensor_platform.orchestration.launcher.liveness_lock import is_alive, was_killed

GRACE = timedelta(seconds=60)
"""A run counts as started before it has its lock, and gives it back before its end is written."""


def report_dead_runs(instance: DagsterInstance, home: Home, now: datetime) -> list[str]:
    """Report started runs whose process is gone as failed; returns their ids."""
    dead = []
    for record in instance.get_run_records(RunsFilter(statuses=[DagsterRunStatus.STARTED])):
        run_id = record.dagster_run.run_id
        started = record.start_time or record.create_timestamp.timestamp()
        if abs(now.timestamp() - started) <= GRACE.total_seconds() or is_alive(home, run_id):
            continue
        if not was_killed(home, run_id) and _has_just_written(instance, run_id, now):
            continue  # its work is done, and its end is being written
        # looked at again only now: a process that is gone writes nothing more
        run = instance.get_run_by_id(run_id)
        if run is not None and run.status is DagsterRunStatus.STARTED:
            instance.report_run_failed(run, "The process of this run is gone; what it left undone stays dirty.")
            dead.append(run_id)
    return dead


def _has_just_written(instance: DagsterInstance, run_id: str, now: datetime) -> bool:
    newest = instance.get_records_for_run(run_id, limit=1, ascending=False).records
    return bool(newest) and abs(now.timestamp() - newest[0].event_log_entry.timestamp) <= GRACE.total_seconds()
