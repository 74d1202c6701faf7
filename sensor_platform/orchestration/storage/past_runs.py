"""Bounds Dagster's own history. Each run has a database file, and a busy site makes thousands of runs a day."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from dagster import DagsterInstance

from sensor_platform.orchestration.planning.run_planner import Lane, Outcome, PastRun
from sensor_platform.orchestration.storage.run_history import past_runs

_AT_ONCE = 2000


def forget_superseded_runs(instance: DagsterInstance, before: datetime) -> int:
    """Delete runs that ended before `before` and were superseded by later runs; returns their number."""
    runs = past_runs(instance, limit=10 * _AT_ONCE)
    gone = [run for run in superseded(runs) if run.ended_at and run.ended_at < before][-_AT_ONCE:]
    for run in gone:
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
        instance.delete_run(run.run_id)
    return len(gone)


def superseded(runs: Sequence[PastRun]) -> Iterator[PastRun]:
    """Select runs (given newest first) whose deletion does not change what Dagster's pages show.

    Waiting runs, trainings, runs started by a person, and the newest success of each day stay: without that success the
    day would look as if it was never materialised.
    """
    covered: set[date] = set()
    for run in runs:
        if run.outcome is Outcome.WAITING or run.lane is Lane.TRAINING:
            continue
        if run.first is None or run.last is None:
            yield run
        elif run.lane is not None:
            days = {run.first + timedelta(days=number) for number in range((run.last - run.first).days + 1)}
            if run.outcome is Outcome.FAILED or days <= covered:
                yield run
            else:
                covered |= days
