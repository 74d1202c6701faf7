"""Reads earlier runs from Dagster's own storage, so that the sensor keeps no state that could be lost."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from dagster import DagsterInstance, DagsterRunStatus, RunRecord, RunsFilter

from sensor_platform.orchestration.partitions import (
    AFTER_TAG,
    GENERATION_TAG,
    LANE_TAG,
    PARTITION_TAG,
    POSITION_TAG,
    RANGE_END_TAG,
    RANGE_START_TAG,
)
from sensor_platform.orchestration.planning.run_planner import Lane, Outcome, PastRun

_FAILED = (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
_DONE = (DagsterRunStatus.SUCCESS,)
_WAITING = tuple(status for status in DagsterRunStatus if status not in _FAILED + _DONE)
_MEMORY = timedelta(days=1)
"""Older failures are ignored: the longest pause is an hour."""


def read_past_runs(instance: DagsterInstance, now: datetime) -> tuple[PastRun, ...]:
    """Read runs, newest first: all that wait, failures of the last day, and successes since the first failure."""
    failed = _records(instance, RunsFilter(statuses=_FAILED, created_after=now - _MEMORY), limit=200)
    records = [*_records(instance, RunsFilter(statuses=_WAITING), limit=200), *failed]
    if failed:
        since = failed[-1].create_timestamp
        records += _records(instance, RunsFilter(statuses=_DONE, created_after=since), limit=1000)
    for lane in Lane:  # one query per lane: a busy lane must not hide the runs of another
        records += _records(instance, RunsFilter(statuses=_DONE, tags={LANE_TAG: lane.value}), limit=10)
    return _newest_first(records)


def past_runs(instance: DagsterInstance, limit: int) -> tuple[PastRun, ...]:
    """Read the newest runs of every kind, newest first."""
    return _newest_first(_records(instance, RunsFilter(), limit))


def scorings_after(instance: DagsterInstance, training: str) -> tuple[PastRun, ...]:
    """Read the scoring runs of the training with this run id, newest first."""
    return _newest_first(_records(instance, RunsFilter(tags={AFTER_TAG: training}), limit=20))


def _records(instance: DagsterInstance, filters: RunsFilter, limit: int) -> list[RunRecord]:
    return list(instance.get_run_records(filters, limit=limit))


def _newest_first(records: Sequence[RunRecord]) -> tuple[PastRun, ...]:
    unique = {record.storage_id: record for record in records}
    return tuple(_seen(unique[number]) for number in sorted(unique, reverse=True))


def _seen(record: RunRecord) -> PastRun:
    tags = record.dagster_run.tags
    day = tags.get(PARTITION_TAG)
    first, last = tags.get(RANGE_START_TAG, day), tags.get(RANGE_END_TAG, day)
    lane, position = tags.get(LANE_TAG), tags.get(POSITION_TAG)
    return PastRun(
        run_id=record.dagster_run.run_id,
        lane=Lane(lane) if lane in set(Lane) else None,
        first=date.fromisoformat(first) if first else None,
        last=date.fromisoformat(last) if last else None,
        position=int(position) if position else None,
        outcome=outcome_of(record.dagster_run.status),
        ended_at=datetime.fromtimestamp(record.end_time, UTC) if record.end_time else None,
        after=tags.get(AFTER_TAG),
        generation=tags.get(GENERATION_TAG),
    )


def outcome_of(status: DagsterRunStatus) -> Outcome:
    """State of a run with this status of Dagster."""
    if status in _DONE:
        return Outcome.DONE
    return Outcome.FAILED if status in _FAILED else Outcome.WAITING
