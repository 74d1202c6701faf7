"""Dagster's own folder: the shipped `dagster.yaml` in it, and what its storage says of the last runs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dagster import DagsterInstance, RunRecord

from sensor_platform.home import Home
from sensor_platform.kernel.durable import write_file
from sensor_platform.orchestration.partitions import LANE_TAG, PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG

SHIPPED = Path(__file__).resolve().parents[3] / "dagster.yaml"
_NAME = "dagster.yaml"


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run, for a person."""

    run_id: str
    job: str
    status: str
    lane: str | None
    first_day: str | None
    last_day: str | None
    started_at: datetime | None
    """Aware UTC, as `ended_at`."""
    ended_at: datetime | None


def prepare(home: Home) -> Path:
    """Put the shipped `dagster.yaml` where there is none, since Dagster reads it from DAGSTER_HOME alone.

    Dagster's storage is made then too: two processes that both find none, as `dagster dev` and a command of ours may in
    the first second of a home, would leave it in a state that nobody can open (Dagster 1.13).

    Returns:
        The folder, for DAGSTER_HOME.
    """
    if not (home.dagster / _NAME).exists():
        write_file(home.dagster / _NAME, SHIPPED.read_bytes())
        with DagsterInstance.from_config(str(home.dagster)):
            pass
    return home.dagster


def last_runs(home: Home, limit: int) -> tuple[RunLine, ...]:
    """The newest runs, newest first; none where Dagster never ran in this home."""
    if not (home.dagster / _NAME).is_file():
        return ()
    with DagsterInstance.from_config(str(home.dagster)) as instance:
        return tuple(_line(record) for record in instance.get_run_records(limit=limit))


def _line(record: RunRecord) -> RunLine:
    run = record.dagster_run
    day = run.tags.get(PARTITION_TAG)
    return RunLine(
        run_id=run.run_id,
        job=run.job_name,
        status=run.status.value,
        lane=run.tags.get(LANE_TAG),
        first_day=run.tags.get(RANGE_START_TAG, day),
        last_day=run.tags.get(RANGE_END_TAG, day),
        started_at=_moment(record.start_time),
        ended_at=_moment(record.end_time),
    )


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
