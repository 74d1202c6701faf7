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
    return _forget(instance, [run for run in superseded(runs) if run.ended_at and run.ended_at < before])


def forget_other_runs(instance: DagsterInstance, before: datetime) -> int:
    """Delete all runs that ended before `before`, but for those that Dagster's pages need; returns their number."""
    return _forget(instance, list(not_needed(past_runs(instance, limit=10 * _AT_ONCE), before)))


def _forget(instance: DagsterInstance, runs: Sequence[PastRun]) -> int:
    """Delete the oldest of these runs, with their logs."""
    gone = runs[-_AT_ONCE:]
    for run in gone:
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
        instance.delete_run(run.run_id)
    return len(gone)


def not_needed(runs: Sequence[PastRun], before: datetime) -> Iterator[PastRun]:
    """Select runs (given newest first) of any kind that ended before `before`.

    Waiting runs, the newest success of each day and the newest success of a training stay.
    """
    covered: set[date] = set()
    is_trained = False
    for run in runs:
        is_done, is_needed = run.outcome is Outcome.DONE, run.outcome is Outcome.WAITING
        if run.lane is Lane.TRAINING:
            if is_done and run.first is None:
                is_needed, is_trained = not is_trained, True
        elif is_done and (days := _days(run)):
            is_needed = not days <= covered
            if run.lane is not None:  # a run of a person may be one of a few tables
                covered |= days
        if not is_needed and run.ended_at and run.ended_at < before:
            yield run


def _days(run: PastRun) -> set[date]:
    if run.first is None or run.last is None:
        return set()
    return {run.first + timedelta(days=number) for number in range((run.last - run.first).days + 1)}


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
            days = _days(run)
            if run.outcome is Outcome.FAILED or days <= covered:
                yield run
            else:
                covered |= days
