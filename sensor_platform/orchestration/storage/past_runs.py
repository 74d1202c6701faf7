"""The bound of Dagster's own history. Each run has a database file, and a busy site makes thousands of runs a day."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from dagster import DagsterInstance

from sensor_platform.orchestration.planning.run_history import past_runs
from sensor_platform.orchestration.planning.run_planner import Lane, Outcome, SeenRun

_AT_ONCE = 2000


def forget_superseded_runs(instance: DagsterInstance, before: datetime) -> int:
    """Delete runs that ended before `before` and that later ones have superseded; returns how many."""
    runs = past_runs(instance, limit=10 * _AT_ONCE)
    gone = [run for run in superseded(runs) if run.ended_at and run.ended_at < before][-_AT_ONCE:]
    for run in gone:
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
        instance.delete_run(run.run_id)
    return len(gone)


def superseded(runs: Sequence[SeenRun]) -> Iterator[SeenRun]:
    """Runs without which Dagster's pages say the same, of `runs`, newest first.

    Kept are: what is in flight, trainings, what a person started, and the newest success over each day, since deleting
    it would show the day as never materialised.
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
